# Second at every start, but not where a tool asked for the prompt. Fixed: an update never touches it.
import slots

slots.start()

# First at every start, also at a soft reset that ends at the prompt. Fixed: an update never touches it.
import slots

slots.guard()

"""URLs that pyserial opens like ports: each `protocol_NAME` serves NAME://."""

"""Messages of protocol buffers, decoded by their wire format."""


def fields(message):
    """The fields of a message, number and value: a number, or bytes, also of numbers of a fixed size."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            yield number, varint()
            continue
        if kind not in (1, 2, 5):
            raise ValueError(f"field {number} of kind {kind}")
        size = varint() if kind == 2 else {1: 8, 5: 4}[kind]
        yield number, message[at:at + size]
        at += size

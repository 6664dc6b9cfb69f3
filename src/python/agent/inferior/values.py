"""Texts of values and exceptions, whatever their classes say of themselves."""

LONGEST_TEXT = 1 << 20
# `repr()` of so much is not asked for: the session reads it from memory, up to its limits.
MOST_ITEMS = 1 << 16
name_of_class = type.__dict__["__name__"].__get__
qualified_name_of_class = type.__dict__["__qualname__"].__get__


def plain(text):
    """The same text as a `str` itself: the methods of a class of its own could do anything."""
    return str.__str__(text)


def describe_error(error):
    """`NameError: name 'x' is not defined`, also where `str()` of it fails."""
    kind = type(error)
    name = qualified_name_of_class(kind)
    module = type.__getattribute__(kind, "__module__")
    if type(module) is str and module not in ("builtins", "__main__"):
        name = "%s.%s" % (module, name)
    try:
        # Without the file and the line, which are those of what was typed.
        text = plain(str(error.msg if isinstance(error, SyntaxError) else error))[:LONGEST_TEXT]
    except BaseException:
        text = "<exception str() failed>"
    return name + ": " + text if text else name


def brief(value):
    """A value in few characters, as behind `->` where a function returns."""
    try:
        return bounded(unseen("reprlib").repr(value), 400)[0]
    except BaseException:
        return nameless(value)


def nameless(value):
    return "<%s instance at %#x>" % (name_of_class(type(value)), id(value))


def bounded(text, most):
    """The text and, if it had to be cut, how long it was."""
    text = plain(text)
    return (text, None) if len(text) <= most else (text[:most], len(text))


# What can be large, how much of it counts as one item, and how its items are reached.
# By identity: a class may have a metaclass with an `__eq__` of its own.
SIZES = {
    id(str): (16, str.__len__, None),
    id(bytes): (16, bytes.__len__, None),
    id(bytearray): (16, bytearray.__len__, None),
    id(int): (16, int.bit_length, None),
    id(list): (1, list.__len__, list.__iter__),
    id(tuple): (1, tuple.__len__, tuple.__iter__),
    id(set): (1, set.__len__, set.__iter__),
    id(frozenset): (1, frozenset.__len__, frozenset.__iter__),
    id(dict): (1, dict.__len__, dict.values),
}


def is_heavy(value):
    """Whether `repr()` of a value made of builtin types alone would be so long that it takes the process seconds or gigabytes."""
    total, pending = 0, [value]
    while pending:
        one = pending.pop()
        size = SIZES.get(id(type(one)))
        if size is None:
            continue
        share, length, items = size
        total += 1 + length(one) // share
        if total > MOST_ITEMS:
            return True
        if items is not None:
            pending.extend(items(one))
    return False

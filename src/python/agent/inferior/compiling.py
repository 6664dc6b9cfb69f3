"""From what was typed to code: whether it goes on in another line, and how it gets at the variables of a function."""

# Include/cpython/compile.h.
ONLY_AST = 0x400
DONT_IMPLY_DEDENT = 0x200
TOP_LEVEL_AWAIT = 0x2000
ALLOW_INCOMPLETE_INPUT = 0x4000


def is_unfinished(text):
    """Whether more lines are to come: the rules of `codeop`, which the program need not have imported."""
    if not has_statement(text):
        return False
    try:
        return more_input_helps(text)
    except ValueError as error:
        if isinstance(error, SyntaxError) or "flags" not in str(error):
            return False
    # Up to 3.9, and in the first releases of 3.10, the compiler cannot say it: an error that stays the same with one line more is one.
    return error_of(text, DONT_IMPLY_DEDENT | TOP_LEVEL_AWAIT) is not None and unlike(text + "\n", text + "\n\n")


def has_statement(text):
    return any(line.strip() and not line.strip().startswith("#") for line in text.split("\n"))


def more_input_helps(text):
    flags = DONT_IMPLY_DEDENT | ALLOW_INCOMPLETE_INPUT | TOP_LEVEL_AWAIT
    if error_of(text, flags) is None:
        return False
    error = error_of(text + "\n", flags)
    return error is None or "incomplete input" in str(error)


def unlike(text, longer):
    error, other = [error_of(one, DONT_IMPLY_DEDENT | TOP_LEVEL_AWAIT) for one in (text, longer)]
    return error is None or repr(error) != repr(other)


def error_of(text, flags):
    try:
        compile(text, "<stdin>", "single", flags, True)
    except SyntaxError as error:
        return error
    except ValueError as error:
        # Unknown flags are for the caller; a NUL in the text is an error that no line mends.
        if "flags" in str(error):
            raise
        return error
    return None


def is_async_text(text):
    """Whether it could be compiled if `await` were allowed in it."""
    return error_of(text + "\n", TOP_LEVEL_AWAIT) is None


def has_functions(code):
    return any(isinstance(constant, type(code)) for constant in code.co_consts)


SCOPE = """
def __pmdb_outer__():
    %s = None
    %sdef __pmdb_scope__():
        nonlocal %s
        try:
            __pmdb_show__(0)
        finally:
            __pmdb_back__(locals())
    return __pmdb_scope__
"""
OWN_NAMES = ("__pmdb_show__", "__pmdb_back__")
# How the qualified names begin of what is defined in it.
WITHIN = "__pmdb_outer__.<locals>.__pmdb_scope__.<locals>."


def at_the_top(code):
    """The same code where functions and classes have the names that they would have without `SCOPE`."""
    constants = []
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            constant = at_the_top(constant)
        elif isinstance(constant, str) and constant.startswith(WITHIN):
            constant = constant[len(WITHIN):]
        constants.append(constant)
    changed = {"co_consts": tuple(constants)}
    name = getattr(code, "co_qualname", "")
    if name.startswith(WITHIN):
        changed["co_qualname"] = name[len(WITHIN):]
    return code.replace(**changed)


def as_function(text, global_names, local_names, show, is_async=False):
    """A function that runs a text with the variables of a frame as its own, so that functions and comprehensions in the text see them.

    What it assigns is in `local_names` afterwards. None if the text cannot stand in a function.
    """
    names = [name for name in local_names if name.isidentifier() and name not in OWN_NAMES]

    def back(after):
        for name, value in after.items():
            if name not in OWN_NAMES:
                local_names[name] = value

    cells = dict(zip(OWN_NAMES, (show, back)))
    cells.update((name, local_names[name]) for name in names)
    listed = list(OWN_NAMES) + names
    shell = SCOPE % (" = ".join(listed), "async " if is_async else "", ", ".join(listed))
    try:
        module = compile(shell, "<stdin>", "exec", ONLY_AST, True)
        typed = compile(text, "<stdin>", "exec", ONLY_AST | TOP_LEVEL_AWAIT, True).body
        attempt = module.body[0].body[1].body[1]
        if len(typed) == 1 and type(typed[0]) is type(attempt.body[0]):
            # An expression: its value is shown.
            attempt.body[0].value.args = [typed[0].value]
        else:
            attempt.body = typed
        made = {}
        exec(compile(module, "<stdin>", "exec", 0, True), {}, made)
    except SyntaxError:
        return None
    model = made["__pmdb_outer__"]()
    code = at_the_top(model.__code__)
    cell = type(model.__closure__[0])
    closure = tuple([cell(cells.get(name)) for name in code.co_freevars])
    return type(model)(code, global_names, "__pmdb_scope__", None, closure)

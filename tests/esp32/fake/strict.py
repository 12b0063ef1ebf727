"""Classes that take what the ESP32 port takes and nothing else: signatures and constants come from its stubs."""

from signatures import CONSTANTS, SIGNATURES


def port_class(name):
    """Decorator: the class offers, under the name of the stubs, their methods and constants alone.

    A method that the stubs have and the class has not raises NotImplementedError. One that the class has and the stubs
    have not is a mistake of the fake: AssertionError.
    """

    def made(fake):
        own = [entry for entry in fake.__dict__ if not entry.startswith("_")]
        for entry in own:
            assert "%s.%s" % (name, entry) in SIGNATURES, "the port has no %s.%s" % (name, entry)
        prefix = name + "."
        for full in SIGNATURES:
            entry = full[len(prefix) :]
            if full.startswith(prefix) and "." not in entry:
                setattr(fake, entry, _checked(full, fake.__dict__.get(entry), 1))
        for constant, value in CONSTANTS.get(name, {}).items():
            setattr(fake, constant, value)
        return fake

    return made


def port_function(name):
    """Decorator: a function of a module with the parameters of the stubs."""

    def made(function):
        assert name in SIGNATURES, "the port has no %s" % name
        return _checked(name, function, 0)

    return made


def constants_of(name):
    """The constants of a module."""
    return CONSTANTS[name]


def _checked(name, function, own):
    def call(*args, **keywords):
        check(name, args[own:], keywords)
        if function is None:
            raise NotImplementedError("%s exists on the ESP32, but this fake does not play it" % name)
        return function(*args, **keywords)

    return call


def check(name, args, keywords):
    """Raise TypeError, as the port does, unless one of the signatures takes these arguments."""
    problems = []
    for signature in SIGNATURES[name]:
        problems.append(_problem(signature, args, keywords))
        if not problems[-1]:
            return
    raise TypeError("%s: %s" % (name, problems[0]))


def _problem(signature, args, keywords):
    """Why a signature does not take these arguments; "" when it does."""
    positional, needed, only, only_needed, more, any_keyword, nameless = signature
    if len(args) > len(positional) and not more:
        return "function expected at most %d arguments, got %d" % (len(positional), len(args))
    given = list(positional[: len(args)])
    for keyword in keywords:
        known = keyword in only or (keyword in positional and positional.index(keyword) >= nameless)
        if not known and not any_keyword:
            return "extra keyword arguments given: %s" % keyword
        if keyword in given:
            return "function got multiple values for argument '%s'" % keyword
        given.append(keyword)
    for name in positional[:needed] + only_needed:
        if name not in given:
            return "'%s' argument required" % name
    return ""

"Values of the tests that cost something: none is made while pytest only looks which tests there are."


class Later:
    "What `make()` returns, made when something of it is asked for the first time."
    def __init__(self, make): self._make = make

    def __call__(self):
        if "_value" not in vars(self): self._value = self._make()
        return self._value

    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return getattr(self(), name)

    def __getitem__(self, key): return self()[key]

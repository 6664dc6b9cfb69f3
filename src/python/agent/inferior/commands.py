"""What the session may ask of a thread that stands still. Each gives back the answer, or None if the thread goes on."""


class Commands:
    """Of the agent, which has the rest of it (`agent.py`)."""

    def do_evaluate(self, frame, command):
        return self.evaluator.evaluate(self.selected(frame, command), command["text"], command["limit"], command["width"], command["lent"])

    def do_activation(self, frame, command):
        """A number that tells a frame from others that come to lie where it was: it is kept for as long as something runs in it."""
        alive = set()
        for one in current_frames().values():
            while one is not None:
                alive.add(id(one))
                one = one.f_back
        self.kept = [(number, one) for number, one in self.kept if id(one) in alive or one.f_code.co_flags & GENERATOR_FLAGS]
        frame = self.selected(frame, command)
        for number, one in self.kept:
            if one is frame:
                return {"length": number}
        if not command["keep"]:
            return {}
        self.last_kept += 1
        self.kept.append((self.last_kept, frame))
        return {"length": self.last_kept}

    def do_frames(self, frame, command):
        """From now on frames are counted in the traceback of an exception: of the one that the stop is about or that is handled, or of one that led to it."""
        if command["exception"] is None:
            self.lost_frames = None
            return {}
        for newest in (self.shown, exc_info()[1]):
            for error in chain_of(newest):
                if id(error) == command["exception"]:
                    self.lost_frames = frames_of(error)
                    return {}
        return {"error": "the exception is gone"}

    def do_execute(self, frame, command):
        answer = self.evaluator.execute(self.selected(frame, command), command["text"])
        self.watches.settle()
        return answer

    def do_console(self, frame, command):
        answer = self.evaluator.interact(self.selected(frame, command), command["how"], command.get("text"))
        self.watches.settle()
        return answer

    def do_breakpoints(self, frame, command):
        try:
            wanted, selected = command["list"], self.selected(frame, command)
            watches = self.watches.made([item for item in wanted if item.get("watch")], selected)

            def evaluate(text):
                return self.errands.run(eval, text, *self.evaluator.scope(selected))

            catches = self.take_breakpoints(wanted, watches, evaluate)
        except Unusable as error:
            return {"error": str(error)}
        for watch in watches.values():
            if watch.is_new:
                owner = watch.scope.frame
                return {"text": watch.shown, "scope": owner and getattr(owner.f_code, "co_qualname", owner.f_code.co_name)}
        # Of the newest, whether there is such a class.
        return {"length": len(catches[-1].classes or ())} if catches else {}

    def take_breakpoints(self, wanted, watches, evaluate):
        """Those that there are from now on, watchpoints made already. Gives back the catchpoints among them."""
        catches = self.catches.made([item for item in wanted if item.get("catch")], evaluate)
        self.breakpoints.replace([item for item in wanted if not item.get("watch") and not item.get("catch")], catches)
        self.catches.replace(catches)
        self.engine.catch(bool(catches))
        self.watches.replace(watches)
        self.engine.breakpoints_changed()
        return catches

    def do_locate(self, frame, command):
        """Where the body of a function begins: the file and the line of its first instruction behind the `def`."""
        frame = self.selected(frame, command)
        global_names, local_names = self.evaluator.scope(frame)
        try:
            value = eval(command["text"], global_names, local_names)
        except AttributeError as error:
            # `package.module.function` of a module that is not imported yet: as if the name were not there at all.
            holder = eval(command["text"].rpartition(".")[0], global_names, local_names)
            return {"error": ("NameError: %s" if type(holder) is type(sys) else "AttributeError: %s") % error}
        except NameError as error:
            code = function_to_come(frame, command["text"])
            if code is None:
                return {"error": describe_error(error)}
        except BaseException as error:
            return {"error": describe_error(error)}
        else:
            value = getattr(value, "__func__", value)
            code = getattr(value, "__code__", None)
        if code is None:
            return {"error": "not a function or a method"}
        return {"text": self.breakpoints.path(code.co_filename), "line": first_line_of_body(code), "scope": code.co_name}

    def do_matching(self, frame, command):
        """How many functions there are whose qualified names match a pattern."""
        gc = unseen("gc")

        try:
            pattern = compile_pattern(command["text"])
        except Unusable as error:
            return {"error": str(error)}
        function, found = type(compile_pattern), set()
        for generation in range(3):
            for thing in gc.get_objects(generation):
                if type(thing) is function and not thing.__code__.co_name.startswith("<"):
                    if thing.__code__.co_filename != OWN_FILE and pattern.search(thing.__qualname__.replace("<locals>.", "")):
                        found.add(id(self.breakpoints.originals.get(id(thing.__code__), thing.__code__)))
        return {"length": len(found)}

    def do_find_file(self, frame, command):
        """Where a module's file would be found, as pdb looks for it: `name.py`, `package/name`, without its ending too."""
        for folder in sys.path:
            folder = folder if isinstance(folder, str) and folder.startswith("/") else posix.getcwd() + "/" + str(folder)
            for ending in ("", ".py"):
                found = folder + "/" + command["text"] + ending
                if is_of_kind(found, REGULAR):
                    return {"text": self.breakpoints.path(found)}
        return {}

    def do_jump(self, frame, command):
        if frame is not self.selected(frame, command):
            return {"error": "You can only jump within the bottom frame"}
        try:
            frame.f_lineno = command["line"]
        except ValueError as error:
            return {"error": "Jump failed: %s" % error}
        return {"line": frame.f_lineno}

    def do_resume(self, frame, command):
        selected = self.selected(frame, command)
        if selected in self.left_frames:
            # Nothing of it is left to be run.
            selected = frame
        if command["how"] == "step" and self.is_in_library:
            # What is left to be done there is none of the user's business.
            command = dict(command, how="next")
        if self.turn is not None:
            self.deferred = (command, selected)
            return None
        step = Step.of(command, selected)
        if step is not None and self.leaving is not None and step.frame is self.leaving:
            # No line of it comes any more: what comes next is what its caller does with the exception.
            caller = self.leaving.f_back
            step = Step("next", caller) if caller is not None else None
        if step is not None and command["how"] != "return":
            step.begins_at(step.frame or frame)
        self.go_on(frame, step)
        return None

    def go_on(self, frame, step):
        thread = _thread.get_ident()
        if step is not None:
            self.steps[thread] = step
            self.favoured = thread
        self.engine.resumes(frame, step)

    def do_leave(self, frame, command):
        if command.get("abandon"):
            # As in pdb the program ends in its own way, from where it stands. If this is not its main thread, that one is told by a
            # signal.
            if self.keyboard is None or (self.turn is None and self.keyboard.main == _thread.get_ident()):
                self.to_raise = SystemExit(0)
            else:
                self.keyboard.abandoned = True
                self.leave({"id": command.get("id"), "text": "interrupt"})
                return None
        self.leave({"id": command.get("id")})
        return None

    orders = {
        "evaluate": do_evaluate,
        "activation": do_activation,
        "frames": do_frames,
        "execute": do_execute,
        "console": do_console,
        "breakpoints": do_breakpoints,
        "locate": do_locate,
        "matching": do_matching,
        "findfile": do_find_file,
        "jump": do_jump,
        "resume": do_resume,
        "leave": do_leave,
    }

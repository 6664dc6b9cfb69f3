"""`debug`: code that is run at the prompt and stepped through, while its thread stands still. Its stops lie within that one.

While it runs the prompt stays this thread's: other threads that come to a breakpoint wait until the level is left.
"""

# Instead of an answer: it has been given already, and the thread goes on standing still.
ANSWERED = {}


class LevelLeft(BaseException):
    """Raised in the code of a level that the user leaves by `quit`."""


class Level:
    def __init__(self, agent, frame):
        self.agent, self.frame = agent, frame
        self.thread, self.pid = _thread.get_ident(), agent.pid
        # A process numbers its main thread as itself.
        self.is_main = _thread.get_native_id() == posix.getpid()
        # Who may stop in it: its thread, and those that speak for that.
        self.speakers = {self.thread}
        # The frame that calls the code: those behind it belong to the stop that the level lies in.
        self.bottom = None
        # The user has left it while its thread was in C code: it ends at its next line.
        self.is_over = False

    def run(self, code):
        """Gives back what the session is told, or None if the thread goes on from where it stood."""
        agent = self.agent
        kept = agent.stopped_at, agent.speaker, agent.shown, agent.lost_frames, agent.left_frames, agent.leaving, agent.is_in_library
        variables = [(name, value) for name, value in agent.evaluator.variables.items() if name in OF_A_STOP]
        agent.stopped_at = agent.speaker = agent.shown = agent.lost_frames = agent.leaving = None
        agent.is_in_library, agent.left_frames = False, []
        agent.evaluator.forget_frame()
        agent.levels.append(self)
        agent.busy.discard(self.thread)
        told, raised = {"event": "left", "thread": _thread.get_native_id()}, None
        try:
            call_tracing(self.execute, (code,))
        except LevelLeft:
            pass
        except KeyboardInterrupt:
            told["interrupted"] = True
        except Exception as error:
            told["error"] = describe_error(error)
        except BaseException as error:
            # As in pdb it is for the program.
            raised, told["over"] = error, True
        # In a forked child, or without the session, the thread goes on when the code has come to its end.
        if posix.getpid() == self.pid and self in agent.levels:
            agent.levels.remove(self)
            agent.steps.pop(self.thread, None)
            agent.busy.add(self.thread)
            agent.stopped_at, agent.speaker, agent.shown, agent.lost_frames, agent.left_frames, agent.leaving, agent.is_in_library = kept
            agent.evaluator.variables.update(variables)
            agent.favoured = None
        agent.to_raise = raised
        if agent.has_left or posix.getpid() != self.pid:
            return None
        agent.watches.settle()
        return ANSWERED if agent.channel.send(told) and raised is None else None

    def execute(self, code):
        agent, frame, evaluator = self.agent, self.frame, self.agent.evaluator
        self.bottom = getframe()
        global_names, names = evaluator.with_variables(frame)
        evaluator.lasting.append(global_names)
        local_names = names
        before = dict(names) if needs_writing(frame, names) else None
        if before is not None:
            # Who asks for the frame's `f_locals` meanwhile brings the copy up to date, and what was assigned would be gone.
            local_names = dict(names)
        agent.steps[self.thread] = step = Step("level")
        try:
            agent.engine.resumes(self.bottom, step)
            exec(code, global_names, local_names)
        finally:
            agent.steps.pop(self.thread, None)
            if not agent.has_left:
                agent.engine.resumes(None, None)
            evaluator.lasting.pop()
            evaluator.put_away(global_names)
            if before is not None:
                names = frame.f_locals
                names.clear()
                names.update(local_names)
                write_back(frame, names, before)


class Levels:
    """Of the agent, which has the rest of it (`agent.py`)."""

    def do_debug(self, frame, command):
        if self.turn is not None:
            return {"error": "the main thread waits in C code, where nothing can be stepped through; `next` goes to a line of its own"}
        frame = self.selected(frame, command)
        try:
            code = compile(command["text"], "<string>", "exec", 0, True)
        except BaseException as error:
            return {"error": describe_error(error)}
        if not self.channel.send({"id": command.get("id")}):
            return None
        self.channel.answered()
        return Level(self, frame).run(code)

    def do_quit(self, frame, command):
        """Ends the code of the innermost level."""
        if self.turn is not None:
            self.deferred = (command, frame)
        else:
            self.to_raise = LevelLeft()
        return None

    def leave_level_soon(self, frame):
        self.levels[-1].is_over = True
        self.stop_soon(frame, "interrupt")

    def leave_level_if_over(self):
        level = self.levels[-1]
        if level.is_over and level.thread == _thread.get_ident():
            self.on_its_way = LevelLeft()
            raise self.on_its_way

    def is_in_level(self):
        """Whether a stop of this thread lies within another."""
        return bool(self.levels) and _thread.get_ident() in self.levels[-1].speakers

    def bottom(self):
        """In the thread of a level, the frame behind which all frames stand still."""
        return self.levels[-1].bottom if self.levels and self.levels[-1].thread == _thread.get_ident() else None

    def is_traced_level(self, thread):
        """The main thread can be stopped whatever it runs. The code of a level in another one is traced all the time for that."""
        return any([level.thread == thread and not level.is_main for level in self.levels])

    def stops_level_of_other(self):
        """The session wants a stop: if a level runs in another thread than the main one, it is that one's."""
        level = self.levels[-1] if self.levels else None
        if level is None or level.is_main:
            return False
        self.steps[level.thread] = Step("interrupt")
        return True


Commands.orders.update(debug=Levels.do_debug, quit=Levels.do_quit)

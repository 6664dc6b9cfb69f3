"""A forked child of a program that pmdb follows with all its processes, or one that has closed all its files: it gets a way of its own
to the session when it needs one.

Until then, or until the session has it asked, it has cost nothing. Then it puts pipes of its own in the place of its parent's, under the same numbers, and rings: it
sends itself a signal that nobody else misses, at which pmdb, which traces it, opens the far ends while it stands still. If no pmdb
traces it any more, the signal is ignored, and the pipes tell that nobody is there.
"""

# For these a child of whoever steps does not stop: it is the parent that the user steps in.
OF_A_STEP = ("step", "call", "return", "exception", "interrupt", "entry", "attach")


class Forking:
    def __init__(self, agent):
        self.agent = agent
        self.signals = __import__("_signal")
        # {pid: a lock}: none that another thread of the parent may have held.
        self.locks = {}

    def adopt(self):
        """Gives back whether this process has a session to talk with."""
        agent, pid = self.agent, posix.getpid()
        with self.locks.setdefault(pid, _thread.allocate_lock()):
            if agent.pid == pid and (agent.has_left or agent.can_talk()):
                return not agent.has_left
            if agent.channel.renew():
                agent.inode = agent.channel.inodes[agent.channel.commands]
                self.ring()
                if not agent.channel.session_is_gone():
                    # Last: other threads of the child come here until it is done.
                    if agent.pid != pid:
                        agent.begin_anew(pid)
                    return True
            agent.leave()
            return False

    def ring(self):
        signals = self.signals
        before = signals.pthread_sigmask(signals.SIG_UNBLOCK, [signals.SIGWINCH])
        try:
            signals.pthread_kill(_thread.get_ident(), signals.SIGWINCH)
        finally:
            # No more than that: a mask may have signals of libc in it, of which Python warns.
            if signals.SIGWINCH in before:
                signals.pthread_sigmask(signals.SIG_BLOCK, [signals.SIGWINCH])

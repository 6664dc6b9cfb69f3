"""The beginning of the agent, behind all of it that is needed at once."""


def begin(commands, answers, kept, session):
    channel = Channel(commands, answers, kept)
    other = sys.__dict__.get(OWN_NAME)
    if other is not None:
        # The agent of a pmdb that was killed notices only when it runs. While a thread stands still for it, its pmdb is there.
        if other.stopped_at is not None or not other.channel.session_is_gone():
            channel.send({"event": "taken", "session": other.session})
            return
        other.leave()
    if at_once:
        # A thread is about to stop. Before the agent is there: what is made later, the collector frees sooner.
        bring_in_the_rest()
    agent = Agent(channel, session)
    if WANTED["while_running"]:
        agent.accompany()
    # So that the session finds it again while the program runs and nothing else refers to it.
    sys.__dict__[OWN_NAME] = agent
    channel.send({"event": "hello"})


# What the text that starts the agent puts into the namespace: three file descriptors, pmdb's process, and whether all of the agent is needed now.
# Up to 3.9 a function has the builtins of who calls it from the same namespace: this call comes from another one.
TYPE(begin)((lambda call, arguments: call(*arguments)).__code__, {})(begin, (commands, answers, kept, session))

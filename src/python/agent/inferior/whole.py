"""What the agent has beside what it begins with. Last of what is brought in when that is needed (`bring_in_the_rest` in `agent.py`)."""


def complete(agent):
    agent.watches = Watches(agent)
    agent.catches = Catches(agent)
    agent.errands = Errands(agent)
    agent.evaluator = Evaluator(agent.channel.send, agent.errands)
    # The others go on to find nothing but what is there.
    if "__getattr__" in Agent.__dict__:
        del Agent.__getattr__


Agent.__bases__ = (Standing, Commands, Levels, Arrivals) + Agent.__bases__

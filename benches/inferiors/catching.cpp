// Throws and catches it, as often as its argument says.
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

static __attribute__((noinline)) void fails(long number)
{
    throw std::runtime_error(std::to_string(number));
}

int main(int, char **arguments)
{
    long count = atol(arguments[1]), caught = 0;
    for (long number = 0; number < count; number++) {
        try { fails(number); } catch (const std::exception &) { caught++; }
    }
    printf("done %s\n", caught == count ? "true" : "false");
}

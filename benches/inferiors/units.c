// The program around many copies of `unit.cc`: it waits in the deepest function of one of them.

#include <stdio.h>
#include <unistd.h>

extern int unit_0(int left, void (*wait)(void));

static void wait_for_input(void) {
    char byte;
    printf("ready\n");
    fflush(stdout);
    (void)!read(0, &byte, 1);
}

int main(void) {
    return unit_0(9, wait_for_input);
}

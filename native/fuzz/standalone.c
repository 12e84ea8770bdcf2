/* Runs a fuzz target without libFuzzer, on random bytes, for compilers that have none. In C like the targets.
 * Usage: <target> <inputs> <seed> */
#include <stdio.h>  // printf
#include <stdlib.h> // malloc, strtod
#include "random.h"

enum { LONGEST = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int main(int argc, char **argv)
{
    uint8_t *memory = malloc(LONGEST);
    if (argc != 3 || !memory) {
        fprintf(stderr, "usage: %s <inputs> <seed>\n", argv[0]);
        return 2;
    }
    double inputs = strtod(argv[1], NULL), done = 0;
    random_seed(strtoull(argv[2], NULL, 10));
    for (; done < inputs; done++) {
        size_t n = random_below(LONGEST + 1);
        uint8_t *bytes = memory + LONGEST - n; /* ends where its memory ends */
        for (size_t i = 0; i < n; i++)
            bytes[i] = random_below(4) ? (uint8_t)random_next() : (uint8_t)random_below(3);
        (void)LLVMFuzzerTestOneInput(bytes, n);
    }
    printf("inputs=%.0f\n", done);
    free(memory);
    return 0;
}

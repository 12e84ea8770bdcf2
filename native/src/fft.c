/* The table behind the transforms of fft.h. In C because SPARC is most of the time of scoring an archive
 * again; our own because the core has no dependency and the needed transform is one page. */
#include <math.h> // cos, sin
#include "fft.h"

void dk_turns(dk_complex turn, size_t count, size_t size)
{
    for (size_t k = 0; k < count; k++) {
        const double angle = 6.283185307179586477 * (double)(k % size) / (double)size;
        turn.re[k] = cos(angle);
        turn.im[k] = -sin(angle);
    }
}

/* The larger and smaller of two numbers, with the order of Python's max and min. */
#ifndef DK_NUMBER_H
#define DK_NUMBER_H

#include <stdint.h> // int64_t

static inline double dk_larger(double a, double b)
{
    return b > a ? b : a;
}

static inline double dk_smaller(double a, double b)
{
    return b < a ? b : a;
}

static inline int64_t dk_later(int64_t a, int64_t b)
{
    return b > a ? b : a;
}

static inline int64_t dk_sooner(int64_t a, int64_t b)
{
    return b < a ? b : a;
}

#endif

/* Many equal Fourier transforms side by side. */
#ifndef DK_FFT_H
#define DK_FFT_H

#include <stddef.h> // size_t
#include "wide.h"

/* Transforms side by side; as many as SPARC's padding (padlevel 4) makes from one. */
#define DK_FFT_LANES 16

/* A signal of complex numbers: real parts, imaginary parts. */
typedef struct dk_complex {
    double *re;
    double *im;
} dk_complex;

/* Fills turn with exp(-2 pi i k / size), k = 0 .. count - 1. */
void dk_turns(dk_complex turn, size_t count, size_t size);

/* One stage makes one group of two or of four from groups at equal distance; stride: of each group, a
 * multiple of DK_FFT_LANES; apart: of the groups. */
DK_BODY void dk_butterflies2(dk_complex to, dk_complex from, size_t stride, size_t apart)
{
    for (size_t q = 0; q < stride; q += DK_PACK) {
        const dk_pack ar = *(const dk_pack *)(from.re + q), ai = *(const dk_pack *)(from.im + q);
        const dk_pack br = *(const dk_pack *)(from.re + q + apart);
        const dk_pack bi = *(const dk_pack *)(from.im + q + apart);
        *(dk_pack *)(to.re + q) = ar + br;
        *(dk_pack *)(to.im + q) = ai + bi;
        *(dk_pack *)(to.re + q + stride) = ar - br;
        *(dk_pack *)(to.im + q + stride) = ai - bi;
    }
}

DK_BODY void dk_butterflies4(dk_complex to, dk_complex from, size_t stride, size_t apart, dk_complex turn,
                             size_t k)
{
    const double w1r = turn.re[k], w1i = turn.im[k];
    const double w2r = turn.re[2 * k], w2i = turn.im[2 * k];
    const double w3r = turn.re[3 * k], w3i = turn.im[3 * k];
    for (size_t q = 0; q < stride; q += DK_PACK) {
        const double *fr = from.re + q, *fi = from.im + q;
        double *tr = to.re + q, *ti = to.im + q;
        const dk_pack ar = *(const dk_pack *)fr, ai = *(const dk_pack *)fi;
        const dk_pack br = *(const dk_pack *)(fr + apart), bi = *(const dk_pack *)(fi + apart);
        const dk_pack cr = *(const dk_pack *)(fr + 2 * apart), ci = *(const dk_pack *)(fi + 2 * apart);
        const dk_pack dr = *(const dk_pack *)(fr + 3 * apart), di = *(const dk_pack *)(fi + 3 * apart);
        const dk_pack sr = ar + cr, si = ai + ci, mr = ar - cr, mi = ai - ci;
        const dk_pack ur = br + dr, ui = bi + di, vr = br - dr, vi = bi - di;
        const dk_pack xr = mr + vi, xi = mi - vr, yr = sr - ur, yi = si - ui, zr = mr - vi, zi = mi + vr;
        *(dk_pack *)tr = sr + ur;
        *(dk_pack *)ti = si + ui;
        *(dk_pack *)(tr + stride) = xr * w1r - xi * w1i;
        *(dk_pack *)(ti + stride) = xr * w1i + xi * w1r;
        *(dk_pack *)(tr + 2 * stride) = yr * w2r - yi * w2i;
        *(dk_pack *)(ti + 2 * stride) = yr * w2i + yi * w2r;
        *(dk_pack *)(tr + 3 * stride) = zr * w3r - zi * w3i;
        *(dk_pack *)(ti + 3 * stride) = zr * w3i + zi * w3r;
    }
}

/* The same signal from its place'th number on. */
DK_BODY dk_complex dk_from(dk_complex signal, size_t place)
{
    const dk_complex rest = {signal.re + place, signal.im + place};
    return rest;
}

/* Transforms data [length][DK_FFT_LANES] along its first axis, length a power of two (Stockham's way: no
 * reordering, and the lanes are simply the first stride). turn holds dk_turns(length, length). Returns
 * whichever of data and other holds the result; the other is overwritten. */
DK_BODY dk_complex dk_fft(dk_complex data, dk_complex other, size_t length, dk_complex turn)
{
    size_t stride = DK_FFT_LANES, turn_step = 1;
    while (length > 1) {
        if (length % 4 == 0) {
            length /= 4;
            for (size_t p = 0; p < length; p++)
                dk_butterflies4(dk_from(other, 4 * p * stride), dk_from(data, p * stride), stride,
                                length * stride, turn, p * turn_step);
            stride *= 4;
            turn_step *= 4;
        } else {
            length /= 2;
            dk_butterflies2(other, data, stride, length * stride);
        }
        dk_complex swap = data;
        data = other;
        other = swap;
    }
    return data;
}

#endif

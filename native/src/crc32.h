/* CRC-32 (IEEE) as the frames need it; the public dk_crc32 is in dexkit.h. */
#ifndef DK_CRC32_H
#define DK_CRC32_H

#include <stddef.h> // size_t
#include <stdint.h> // uint32_t

/* Carries two registers over n bytes each; n is a multiple of 16. No inversion here. Two at once, since both fit
 * into one wide register. */
typedef void dk_crc32_pair(uint32_t reg[2], const uint8_t *a, const uint8_t *b, size_t n);

/* The register after one byte. */
uint32_t dk_crc32_byte(uint32_t reg, uint8_t byte);

/* The fastest way on this machine. */
dk_crc32_pair *dk_crc32_best(void);

/* Register after a message that is followed by its own CRC, whatever the message. */
#define DK_CRC32_RESIDUE 0xDEBB20E3u

#endif

/* Fuzz target: bytes to the decoder, whole and in pieces; both must say the same. In C because libFuzzer is. */
#include <stdlib.h> // abort
#include <string.h> // memcmp
#include "dexkit.h"

enum { BLOCKS = 256, PAYLOAD = DK_PAYLOAD_ROOM + 8192 };

typedef struct result {
    dk_block items[BLOCKS];
    uint8_t payload[PAYLOAD];
    dk_blocks blocks;
    dk_frame_counts counts;
} result;

/* Decodes n bytes in pieces of this size. */
static void decode(result *r, const uint8_t *bytes, size_t n, size_t piece)
{
    memset(r, 0, sizeof *r);
    r->blocks = (dk_blocks){
        .items = r->items, .capacity = BLOCKS, .payload = r->payload, .payload_capacity = PAYLOAD};
    dk_decoder *decoder = dk_decoder_new();
    if (!decoder)
        abort();
    for (size_t at = 0; at < n; at += piece) {
        size_t part = n - at < piece ? n - at : piece;
        if (dk_decoder_push(decoder, bytes + at, part, &r->blocks) != part)
            abort();
    }
    dk_decoder_finish(decoder);
    r->counts = dk_decoder_counts(decoder);
    dk_decoder_free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static result whole, pieces;
    if (n < 1 || n > 4096)
        return 0;
    decode(&whole, bytes + 1, n - 1, n);
    decode(&pieces, bytes + 1, n - 1, 1 + bytes[0]);
    if (whole.blocks.count != pieces.blocks.count || whole.counts.good != whole.blocks.count ||
        memcmp(&whole.counts, &pieces.counts, sizeof whole.counts) ||
        memcmp(whole.items, pieces.items, sizeof whole.items) ||
        memcmp(whole.payload, pieces.payload, whole.blocks.payload_count))
        abort();
    return 0;
}

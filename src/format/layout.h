/* SPDX-License-Identifier: Apache-2.0 */
/* layout.h -- the constants of the trace file, version 1
 *
 * docs/trace-format.md says what they mean and wins over this file; both, the version and the golden files change together.
 * Used by format/ to write and read blocks, by collect/ and inspect/ for the kinds and reasons.
 */
#ifndef HT_LAYOUT_H
#define HT_LAYOUT_H

#include <stdint.h>

#define HT_FORMAT_VERSION 1
#define HT_BLOCK_MAGIC "\x89HTAP\r\n\x1a"
#define HT_BLOCK_MAGIC_BYTES 8
#define HT_BLOCK_HEADER_BYTES 88
#define HT_BLOCK_ALIGN 8
#define HT_BLOCK_PAYLOAD_MAX (64u << 20)
#define HT_BLOCK_ZSTD 1u
#define HT_INDEX_TAIL "HTAPEND1"
#define HT_EVENT_COLUMNS 6

/* Of SESSION's flags; those below are channel.h's enum ht_session_flag. */
#define HT_SESSION_FOLLOWS (1u << 2 | 1u << 3)
#define HT_SESSION_UNTOLD (1u << 4)

enum ht_block_kind {
	HT_BLOCK_SESSION = 1,
	HT_BLOCK_IMAGE = 2,
	HT_BLOCK_MODULE = 3,
	HT_BLOCK_THREAD = 4,
	HT_BLOCK_CONTEXT = 5,
	HT_BLOCK_CLOCK = 6,
	HT_BLOCK_EVENTS = 7,
	HT_BLOCK_LOSS = 8,
	HT_BLOCK_ACCOUNT = 9,
	HT_BLOCK_END = 10,
	HT_BLOCK_INDEX = 11,
	HT_BLOCK_CHECKPOINT = 12,
	HT_BLOCK_KERNEL = 13,
	HT_BLOCK_MARK = 14,
	HT_BLOCK_PROCESS = 15,
};

enum ht_row_kind {
	HT_ROW_ALLOC = 1,
	HT_ROW_ALLOC_FAILED = 2,
	HT_ROW_FREE = 3,
	HT_ROW_REALLOC_BEGIN = 4,
	HT_ROW_REALLOC_END = 5,
	HT_ROW_REALLOC_FREED = 6,
	HT_ROW_REALLOC_FAILED = 7,
	HT_ROW_EXISTING = 8,
};

enum ht_image_state {
	HT_IMAGE_STATE_RECORDED = 1,
	HT_IMAGE_STATE_OWN_ALLOCATOR = 2,
	HT_IMAGE_STATE_NO_WIPE = 3,
	HT_IMAGE_STATE_NO_LIBC = 4,
	HT_IMAGE_STATE_UNSEEN = 5,
	HT_IMAGE_STATE_UNWANTED = 6,
};

enum ht_module_change { HT_MODULE_MAPPED = 1, HT_MODULE_UNMAPPED = 2 };

enum ht_exit { HT_EXIT_UNKNOWN = 0, HT_EXIT_CODE = 1, HT_EXIT_SIGNAL = 2 };

enum ht_loss_reason { HT_LOSS_NO_ROOM = 1, HT_LOSS_REENTERED = 2, HT_LOSS_DAMAGED = 3, HT_LOSS_UNKNOWN = 4 };

enum ht_end_reason {
	HT_END_EXIT = 1,
	HT_END_SIGNAL = 2,
	HT_END_LIMIT = 3,
	HT_END_WRITE = 4,
	HT_END_ASKED = 5,
	HT_END_GONE = 6
};

enum ht_context_kind {
	HT_CONTEXT_CALLER = 0,
	HT_CONTEXT_FUNCTION = 1,
	HT_CONTEXT_EXACT = 2,
	HT_CONTEXT_END = 3,
	HT_CONTEXT_POINTER = 4,
};

enum ht_source {
	HT_SOURCE_UNKNOWN = 0,
	HT_SOURCE_LOOKASIDE = 1,
	HT_SOURCE_SMALL = 2,
	HT_SOURCE_MAIN = 3,
	HT_SOURCE_SLOW = 4,
	HT_SOURCE_INVALID = 5,
};

enum ht_heap { HT_HEAP_UNKNOWN = 0, HT_HEAP_MAIN = 1, HT_HEAP_OTHER = 2 };

#define HT_FUNCTION_COUNT 33 /* names: ht_function_name() in meta.h */

#endif

/* The schema's numbers for C: generated from protocol/schema.toml by `make generate`; do not edit. */
#ifndef DK_SCHEMA_H
#define DK_SCHEMA_H

enum dk_object {
    DK_OBJECT_CUP = 1,
    DK_OBJECT_COASTER = 2,
    DK_OBJECT_BUTTON_BOARD = 3,
    DK_OBJECT_PEGBOARD = 4,
};

enum dk_event_kind {
    DK_LIFT = 1, /* The foot force reaches zero. */
    DK_PUT = 2, /* First contact that ends in standing. */
    DK_POUR_ON = 3, /* Liquid begins to leave the cup. */
    DK_POUR_OFF = 4, /* Liquid ends leaving the cup. */
    DK_BUMP = 5, /* The foot force changes briefly and comes back. */
    DK_FAILED_LIFT = 6, /* Unloaded, never to zero, and back. */
    DK_RECEIVE_ON = 16, /* The main flow into the glass crosses the flow limit upwards. */
    DK_RECEIVE_OFF = 17, /* The main flow into the glass crosses the flow limit downwards. */
    DK_DISTURBED = 18, /* A hand, knock, bump or lift: nothing inside it counts as liquid. */
    DK_TOUCH = 32, /* Finger contact begins. */
    DK_ENTRY = 33, /* The entry contact closes. */
    DK_SEATED = 34, /* The seated contact closes and, bounce apart, stays; time of its first closing. */
    DK_SLIP = 35, /* The entry opens again without having seated; time of its opening. */
    DK_OPENED = 36, /* The seated contact opens and stays open; time of its first opening. */
    DK_ENTER = 48, /* The entry barrier is interrupted by more than a passing finger. */
    DK_SEAT = 49, /* The seated barrier is interrupted and stays. */
    DK_BOUNCE = 50, /* Entered and left without seating; time of leaving. */
    DK_UNSEAT = 51, /* The seated barrier clears and stays clear. */
    DK_PICK = 52, /* The hand leaves the tray and the tray is one peg lighter; end of hand contact. */
    DK_RETURN = 53, /* A peg lands and stays in the tray; time of first contact. */
    DK_MISSING = 54, /* A peg is neither in the tray, a hole nor a hand for longer than usual. */
};

/* Cup: columns of a row, then settings in the order of the schema. */
#define DK_CUP_COLUMNS 8
#define DK_CUP_SETTINGS 7
typedef struct dk_cup_settings {
    double bounce_s; /* A bounce up to this long belongs to the same put. */
    double bump_s; /* A change of the foot force shorter than this is a bump. */
    double light_n; /* A cup whose first 0.2 s bear less than this is in the air. */
    double drift_n_s; /* A standing cup's level that changes slower is drift, faster is weight. */
    double back_deg; /* Turned back this far from its largest tilt, a cup usually ends pouring. */
    double radius_mm; /* Inner radius of the cup: at which tilt its fill reaches the brim. */
    double height_mm; /* Inner height of the cup. */
} dk_cup_settings;

/* Coaster: columns of a row, then settings in the order of the schema. */
#define DK_COASTER_COLUMNS 1
#define DK_COASTER_SETTINGS 3
typedef struct dk_coaster_settings {
    double flow_g_s; /* Flow above which the glass is receiving; a slower dribble is not. */
    double pause_s; /* A pause shorter than this is one pour. */
    double disturbed_n; /* Force of a hand, knock or bump from which on the glass is disturbed. */
} dk_coaster_settings;

/* Button board: columns of a row, then settings in the order of the schema. */
#define DK_BUTTON_BOARD_COLUMNS 16
#define DK_BUTTON_BOARD_SETTINGS 5
typedef struct dk_button_board_settings {
    double touch_gap_s; /* Finger contacts closer than this are one touch. */
    double slip_flicker_s; /* A seated flicker up to this long before the entry opens is still a slip. */
    double reseat_s; /* Seated opening and closing again at least this much later is opened, seated. */
    double bounce_s; /* Contact bounce lasts up to this long and never makes two events. */
    double glitch_s; /* A glitch of an idle contact up to this long makes no event. */
} dk_button_board_settings;

/* Pegboard: columns of a row, then settings in the order of the schema. */
#define DK_PEGBOARD_COLUMNS 19
#define DK_PEGBOARD_SETTINGS 2
typedef struct dk_pegboard_settings {
    double finger_s; /* An entry interruption up to this long is a passing finger. */
    double bounce_s; /* A barrier's bounce lasts up to this long and never makes two events. */
} dk_pegboard_settings;

/* The wire: types of messages, numbers of streams, bytes in a row of each stream. */
enum dk_message {
    DK_MESSAGE_HELLO = 1,
    DK_MESSAGE_SAMPLES = 2,
    DK_MESSAGE_HEARTBEAT = 3,
    DK_MESSAGE_REPLY = 4,
    DK_MESSAGE_PONG = 5,
    DK_MESSAGE_LOG = 6,
    DK_MESSAGE_GONE = 7,
};
#define DK_MESSAGES 8

enum dk_stream {
    DK_STREAM_CUP_LOAD = 1,
    DK_STREAM_CUP_MOTION = 2,
    DK_STREAM_COASTER_LOAD = 3,
    DK_STREAM_BUTTON_BOARD_CONTACTS = 4,
    DK_STREAM_BUTTON_BOARD_TOUCH = 5,
    DK_STREAM_BUTTON_BOARD_PANEL = 6,
    DK_STREAM_PEGBOARD_CONTACTS = 7,
    DK_STREAM_PEGBOARD_TRAY = 8,
};

#define DK_STREAMS 9
#define DK_ROW_BYTES { 0, 8, 12, 4, 2, 1, 4, 4, 4 }

#define DK_PAYLOAD_BYTES 1024
#define DK_COMMAND_BYTES 128
#define DK_HEARTBEAT_S 1
#define DK_BLOCK_MS 50
#define DK_RING_S 20
#define DK_RESEND_MS 300
#define DK_SILENCE_MS 1500
#define DK_REPEAT_MS 250
#define DK_NET_PORT 7433
#define DK_NONCE_BYTES 16
#define DK_TAG_BYTES 16
#define DK_TARE_MS 500
#endif

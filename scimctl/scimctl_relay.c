/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl relay: each event of the change feed as a signed POST to a URL.
 *
 * The signature and its secret are those of Standard Webhooks: HMAC-SHA256 of
 * "id.timestamp.body" in Webhook-Signature, "whsec_" and base64 of the key, so
 * receivers check it with a ready-made library or a few lines.  An event is
 * sent again until the receiver accepts it (2xx); the next one waits, so the
 * order is kept.
 *
 * Of several relays of one name, the one whose session has the lock works
 * (statements.sql, relay_is_ours); the others wait.  When its row is not as it
 * left it, the relay starts again from the row.
 */
#include <string.h>
#include <unistd.h>

#include <apr_encode.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "resources/scim_feed.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"

#define SECRET_PREFIX "whsec_"
#define SECRET_MIN 24            /* bytes of the key, as the standard says */
#define SECRET_MAX 64
#define SECRET_FILE_MAX 512
#define CONNECT_SECONDS 10L
#define ANSWER_SECONDS 30L
#define PAUSE_MIN apr_time_from_sec(1)
#define PAUSE_MAX apr_time_from_sec(60)
#define RETRY_AFTER_MAX apr_time_from_sec(3600)
#define LOOK_AFTER apr_time_from_sec(1)
#define ANSWER_MAX 65536         /* bytes; no more are read */
#define GONE 410

typedef struct {
    scimctl_run_t *run;
    const char *name;
    const char *organization_id; /* or NULL: of all */
    const unsigned char *key;
    apr_size_t key_length;
    scim_feed_position_t left;   /* as the row was left */
    apr_interval_time_t pause;   /* before the next attempt */
    int waits;                   /* for another relay, and has reported it */
    CURL *curl;
    apr_size_t answered;         /* bytes of the answer so far */
    char problem[CURL_ERROR_SIZE];
} relay_t;

/* As with ssh's keys, others must not be able to read the file.  Its group
 * may, if the file belongs to another user, who gives us access that way. */
static scim_error_t *check_secrecy(relay_t *relay, apr_file_t *file)
{
    apr_pool_t *pool = relay->run->pool;
    apr_int32_t others = APR_FPROT_WREAD | APR_FPROT_WWRITE;
    apr_finfo_t found;

    if (apr_file_info_get(&found, APR_FINFO_PROT | APR_FINFO_TYPE
                                  | APR_FINFO_USER, file) != APR_SUCCESS
        || found.filetype != APR_REG) {
        return NULL;
    }
    if (found.user == getuid()) {
        others |= APR_FPROT_GREAD | APR_FPROT_GWRITE;
    }
    return (found.protection & others) == 0 ? NULL
        : scim_error(pool, SCIM_E_INVALID_VALUE,
                     "Other users than the owner can read or change the secret"
                     " file '%s': change its mode to 600, and generate a new"
                     " secret if others may have seen this one.",
                     relay->run->options.secret_file);
}

static scim_error_t *read_secret(const char **secret, relay_t *relay)
{
    apr_pool_t *pool = relay->run->pool;
    const char *path = relay->run->options.secret_file;
    char *text = apr_pcalloc(pool, SECRET_FILE_MAX + 1);
    apr_size_t length = 0;
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ,
                                    APR_FPROT_OS_DEFAULT, pool);

    if (rv == APR_SUCCESS) {
        SCIM_ERR(check_secrecy(relay, file));
        rv = apr_file_read_full(file, text, SECRET_FILE_MAX, &length);
        apr_file_close(file);
    }
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "The secret file '%s' cannot be read.", path);
    }
    while (length > 0 && strchr("\r\n", text[length - 1])) {
        text[--length] = '\0';
    }
    *secret = text;
    return NULL;
}

static scim_error_t *read_key(relay_t *relay)
{
    apr_size_t prefix = strlen(SECRET_PREFIX);
    const char *secret = "";

    SCIM_ERR(read_secret(&secret, relay));
    if (strncmp(secret, SECRET_PREFIX, prefix) == 0) {
        relay->key = apr_pdecode_base64_binary(relay->run->pool,
                                               secret + prefix,
                                               APR_ENCODE_STRING,
                                               APR_ENCODE_NONE,
                                               &relay->key_length);
    }
    return relay->key && relay->key_length >= SECRET_MIN
           && relay->key_length <= SECRET_MAX ? NULL
        : scim_error(relay->run->pool, SCIM_E_INVALID_VALUE,
                     "The secret must be " SECRET_PREFIX " and base64 of %d"
                     " to %d random bytes, as from printf '"
                     SECRET_PREFIX "%%s\\n' \"$(openssl rand -base64 32)\".",
                     SECRET_MIN, SECRET_MAX);
}

/* v1,base64(HMAC-SHA256(secret, "id.timestamp.body")) */
static const char *signature(const relay_t *relay, const char *id,
                             const char *timestamp, const char *body,
                             apr_pool_t *pool)
{
    const char *text = apr_pstrcat(pool, id, ".", timestamp, ".", body,
                                   NULL);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int length;

    HMAC(EVP_sha256(), relay->key, (int) relay->key_length,
         (const unsigned char *) text, strlen(text), mac, &length);
    return apr_pstrcat(pool, "v1,",
                       apr_pencode_base64_binary(pool, mac, length,
                                                 APR_ENCODE_NONE, NULL),
                       NULL);
}

static struct curl_slist *headers_of(const relay_t *relay,
                                     const scim_feed_event_t *event,
                                     apr_pool_t *pool)
{
    const char *now = apr_psprintf(pool, "%" APR_TIME_T_FMT,
                                   apr_time_sec(apr_time_now()));
    const char *lines[] = {
        "Content-Type: application/json",
        apr_pstrcat(pool, "Webhook-Id: ", event->id, NULL),
        apr_pstrcat(pool, "Webhook-Timestamp: ", now, NULL),
        apr_pstrcat(pool, "Webhook-Signature: ",
                    signature(relay, event->id, now, event->json, pool),
                    NULL)
    };
    struct curl_slist *headers = NULL;
    apr_size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        headers = curl_slist_append(headers, lines[i]);
    }
    return headers;
}

/* The body of the answer is discarded; one that is too long ends the
 * request. */
static size_t count_answer(char *bytes, size_t size, size_t count,
                           void *baton)
{
    relay_t *relay = baton;

    relay->answered += size * count;
    return relay->answered <= ANSWER_MAX ? size * count : 0;
}

/* One attempt; *status is 0 when no answer came.  NULL when the receiver
 * accepted the event, else the reason. */
static const char *post(relay_t *relay, long *status,
                        const scim_feed_event_t *event, apr_pool_t *pool)
{
    struct curl_slist *headers = headers_of(relay, event, pool);
    CURLcode code;

    relay->problem[0] = '\0';
    relay->answered = 0;
    curl_easy_setopt(relay->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(relay->curl, CURLOPT_POSTFIELDS, event->json);
    code = curl_easy_perform(relay->curl);
    curl_easy_getinfo(relay->curl, CURLINFO_RESPONSE_CODE, status);
    curl_easy_setopt(relay->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    if (code != CURLE_OK && relay->answered <= ANSWER_MAX) {
        *status = 0;
        return relay->problem[0] ? apr_pstrdup(pool, relay->problem)
                                 : curl_easy_strerror(code);
    }
    return *status >= 200 && *status < 300 ? NULL
        : apr_psprintf(pool, "the receiver answered %ld", *status);
}

/* The error that ends a reading so that it starts again: the row is not as
 * this relay left it, or that is unknown. */
static scim_error_t *begin_anew(apr_pool_t *pool)
{
    return scim_error(pool, SCIM_E_CONFLICT, "The relay starts again.");
}

/* Run a statement on the row; begin_anew if the row is not as it was left. */
static scim_error_t *on_row(relay_t *relay, scim_statement_e statement,
                            int count, const char *const *values,
                            apr_pool_t *pool)
{
    scim_rows_t *rows;
    scim_error_t *error = scim_db_run(&rows, scim_db_within(
                                          relay->run->call.db, pool),
                                      statement, count, values);

    if (error && error->kind == SCIM_E_UNAVAILABLE) {
        scimctl_say_waiting(relay, error);
        apr_sleep(LOOK_AFTER);
        return begin_anew(pool);
    }
    SCIM_ERR(error);
    return scim_rows_count(rows) > 0 ? NULL : begin_anew(pool);
}

static scim_error_t *advance(relay_t *relay, const scim_feed_event_t *event,
                             apr_pool_t *pool)
{
    const char *values[] = {
        relay->name, relay->left.sequence, relay->left.history,
        event->position->history, event->position->transaction_id,
        event->sequence
    };

    SCIM_ERR(on_row(relay, SCIM_SQL_RELAY_ADVANCE, SCIM_VALUES(values),
                    pool));
    relay->left = *event->position;
    relay->pause = PAUSE_MIN;
    return NULL;
}

static scim_error_t *check_row(relay_t *relay, apr_pool_t *pool)
{
    const char *values[] = { relay->name, relay->left.sequence,
                             relay->left.history };

    return on_row(relay, SCIM_SQL_RELAY_IS_AS_LEFT, SCIM_VALUES(values),
                  pool);
}

static scim_error_t *note_refusal(relay_t *relay,
                                  const scim_feed_event_t *event,
                                  const char *problem, apr_pool_t *pool)
{
    const char *values[] = {
        relay->name, relay->left.sequence, relay->left.history,
        event->sequence, scimctl_shown(problem, pool)
    };

    return on_row(relay, SCIM_SQL_RELAY_REFUSED, SCIM_VALUES(values), pool);
}

static scim_error_t *stop_for_good(relay_t *relay,
                                   const scim_feed_event_t *event)
{
    relay->run->exit_status = SCIMCTL_EXIT_GONE;
    return scim_error(relay->run->pool, SCIM_E_FORBIDDEN,
                      "The receiver answered 410 to event %s: it wants no more"
                      " events.  When started again, the relay '%.60s'"
                      " continues with this one.", event->sequence,
                      relay->name);
}

/* The pause before the next attempt; longer if the receiver asks for it. */
static apr_interval_time_t pause_for(relay_t *relay, long status)
{
    curl_off_t seconds = 0;
    apr_interval_time_t asked;

    if (status > 0) {
        curl_easy_getinfo(relay->curl, CURLINFO_RETRY_AFTER, &seconds);
    }
    asked = seconds < apr_time_sec(RETRY_AFTER_MAX)
            ? apr_time_from_sec(seconds) : RETRY_AFTER_MAX;
    return asked > relay->pause ? asked : relay->pause;
}

/* Meanwhile the event may be skipped, or another relay may take over. */
static scim_error_t *wait_for(relay_t *relay, apr_interval_time_t pause,
                              apr_pool_t *pool)
{
    apr_time_t end = apr_time_now() + pause;
    apr_interval_time_t left = pause;
    apr_pool_t *turn;

    apr_pool_create(&turn, pool);
    while (left > 0) {
        apr_pool_clear(turn);
        apr_sleep(left < LOOK_AFTER ? left : LOOK_AFTER);
        SCIM_ERR(check_row(relay, turn));
        left = end - apr_time_now();
    }
    apr_pool_destroy(turn);
    return NULL;
}

static scim_error_t *refused(relay_t *relay, const scim_feed_event_t *event,
                             const char *problem, long status,
                             apr_pool_t *pool)
{
    apr_interval_time_t pause = pause_for(relay, status);
    scim_error_t *error = note_refusal(relay, event, problem, pool);

    if (status == GONE) {
        return stop_for_good(relay, event);
    }
    SCIM_ERR(error);
    scimctl_say(pool, "scimctl: event %s: %s; retrying in %d s",
                event->sequence, problem, (int) apr_time_sec(pause));
    relay->pause = relay->pause * 2 < PAUSE_MAX ? relay->pause * 2
                                                : PAUSE_MAX;
    return wait_for(relay, pause, pool);
}

static scim_error_t *deliver(void *baton, const scim_feed_event_t *event,
                             apr_pool_t *pool)
{
    relay_t *relay = baton;
    const char *problem;
    apr_pool_t *attempt;
    long status;

    apr_pool_create(&attempt, pool);
    while ((problem = post(relay, &status, event, attempt)) != NULL) {
        SCIM_ERR(refused(relay, event, problem, status, attempt));
        apr_pool_clear(attempt);
    }
    return advance(relay, event, pool);
}

/* The row is part of the history, so it went back with it; else the event was
 * deleted, and the reading goes on. */
static scim_error_t *relay_went_back(void *baton,
                                     const scim_feed_position_t *from,
                                     const scim_feed_position_t *to)
{
    relay_t *relay = baton;

    scimctl_say_went_back(from);
    return check_row(relay, relay->run->pool);
}

/* One part of a URL in pool, "" where it has none. */
static const char *part_of(CURLU *url, CURLUPart which, apr_pool_t *pool)
{
    char *part = NULL;
    const char *copy = "";

    if (curl_url_get(url, which, &part, 0) == CURLUE_OK) {
        copy = apr_pstrdup(pool, part);
    }
    curl_free(part);
    return copy;
}

static int is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0
           || (strncmp(host, "127.", 4) == 0
               && strspn(host, "0123456789.") == strlen(host));
}

/* The flaw of the URL, as the end of a sentence, or NULL. */
static const char *flaw_of(const relay_t *relay, CURLU *url,
                           apr_pool_t *pool)
{
    const char *scheme = part_of(url, CURLUPART_SCHEME, pool);
    int is_plain = strcmp(scheme, "http") == 0;

    if (!is_plain && strcmp(scheme, "https") != 0) {
        return apr_psprintf(pool, "'%.200s' is not an https or http URL",
                            relay->run->options.url);
    }
    if (*part_of(url, CURLUPART_USER, pool)
        || *part_of(url, CURLUPART_PASSWORD, pool)) {
        return "a URL must not have a user name or password: the receiver"
               " knows the relay by its signature";
    }
    if (is_plain && !is_loopback(part_of(url, CURLUPART_HOST, pool))) {
        return "account data must not be sent without TLS: use https, or http"
               " to a loopback address";
    }
    return *part_of(url, CURLUPART_QUERY, pool) && !relay->run->options.name
           ? "the query of a URL may hold a secret, and without --name the"
             " URL would be stored as the relay's name: give a --name"
           : NULL;
}

/* Report at once a mistake that no retry can correct. */
static scim_error_t *check_url(const relay_t *relay)
{
    apr_pool_t *pool = relay->run->pool;
    CURLU *url = curl_url();
    const char *flaw;

    curl_url_set(url, CURLUPART_URL, relay->run->options.url, 0);
    flaw = flaw_of(relay, url, pool);
    curl_url_cleanup(url);
    return flaw ? scim_error(pool, SCIM_E_INVALID_VALUE, "--url: %s.", flaw)
                : NULL;
}

static scim_error_t *prepare_curl(relay_t *relay)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    SCIM_ERR(check_url(relay));
    relay->curl = curl_easy_init();
    if (!relay->curl
        || curl_easy_setopt(relay->curl, CURLOPT_URL,
                            relay->run->options.url) != CURLE_OK) {
        return scim_error(relay->run->pool, SCIM_E_INTERNAL,
                          "libcurl cannot be used.");
    }
    curl_easy_setopt(relay->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(relay->curl, CURLOPT_USERAGENT,
                     "mod_scim/" SCIM_VERSION);
    curl_easy_setopt(relay->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(relay->curl, CURLOPT_TIMEOUT, ANSWER_SECONDS);
    curl_easy_setopt(relay->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(relay->curl, CURLOPT_WRITEFUNCTION, count_answer);
    curl_easy_setopt(relay->curl, CURLOPT_WRITEDATA, relay);
    curl_easy_setopt(relay->curl, CURLOPT_ERRORBUFFER, relay->problem);
    return NULL;
}

/* A new relay begins after --after. */
static scim_error_t *make_row(relay_t *relay)
{
    scim_feed_position_t position;
    const char *values[] = { relay->name, position.history,
                             position.transaction_id, position.sequence };
    scim_rows_t *rows;

    SCIM_ERR(scimctl_find_position(&position, relay->run,
                                   relay->organization_id));
    return scim_db_run(&rows, relay->run->call.db, SCIM_SQL_RELAY_INSERT,
                       SCIM_VALUES(values));
}

/* A row of an older version has no transaction, only the sequence of an
 * event. */
static scim_error_t *read_row(scim_feed_position_t *position, relay_t *relay,
                              const scim_rows_t *rows, apr_pool_t *pool)
{
    scim_feed_position_t *left = &relay->left;
    const char *transaction_id = scim_rows_value(rows, 0, 1);
    int is_there;

    apr_cpystrn(left->history, scim_rows_value(rows, 0, 0),
                sizeof(left->history));
    apr_cpystrn(left->transaction_id, transaction_id ? transaction_id : "0",
                sizeof(left->transaction_id));
    apr_cpystrn(left->sequence, scim_rows_value(rows, 0, 2),
                sizeof(left->sequence));
    *position = *left;
    return transaction_id ? NULL
        : scim_feed_find(position, &is_there, relay->run->call.db,
                         left->sequence, relay->organization_id, pool);
}

/* Become the relay that works; *taken is 0 when another one does. */
static scim_error_t *take_over(int *taken, scim_feed_position_t *position,
                               relay_t *relay, apr_pool_t *pool)
{
    const char *values[] = { relay->name, relay->organization_id };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, scim_db_within(relay->run->call.db, pool),
                         SCIM_SQL_RELAY_TAKE, SCIM_VALUES(values)));
    *taken = scim_rows_count(rows) > 0;
    if (!*taken) {
        if (!relay->waits) {
            scimctl_say(pool, "scimctl: a relay '%.60s' is running; waiting"
                        " for it to end.", relay->name);
        }
        relay->waits = 1;
        return NULL;
    }
    relay->waits = 0;
    SCIM_ERR(read_row(position, relay, rows, pool));
    scimctl_say(pool, "scimctl: relay '%.60s': continuing after event %s.",
                relay->name, relay->left.sequence);
    return NULL;
}

/* Runs until it fails or has to start again. */
static scim_error_t *work(relay_t *relay, apr_pool_t *pool)
{
    scim_feed_reader_t reader = { relay->organization_id, 1, deliver, NULL,
                                  scimctl_say_waiting, relay_went_back,
                                  relay };
    scim_feed_position_t position;
    int taken;
    scim_error_t *error = take_over(&taken, &position, relay, pool);

    if (!error && taken) {
        error = scim_feed_read(&position, relay->run->call.db, &reader,
                               pool);
    }
    else if (!error) {
        apr_sleep(LOOK_AFTER);
    }
    if (error && error->kind == SCIM_E_UNAVAILABLE) {
        scimctl_say_waiting(relay, error);
        apr_sleep(LOOK_AFTER);
        return NULL;
    }
    return error && error->kind == SCIM_E_CONFLICT ? NULL : error;
}

/* The lock of a relay belongs to its session, which a pooler may share. */
static void say_if_pooled(const scimctl_run_t *run)
{
    if (scim_db_is_pooled(run->call.db)) {
        scimctl_say(run->pool, "scimctl: There is a pooler, such as"
                    " PgBouncer, between scimctl and PostgreSQL: another relay"
                    " of this name may run at the same time.  Connect to"
                    " PostgreSQL itself.");
    }
}

scim_error_t *scimctl_relay(scimctl_run_t *run)
{
    relay_t relay = { .run = run, .name = run->options.name,
                      .pause = PAUSE_MIN };
    scim_error_t *error = NULL;
    scim_rows_t *rows;
    apr_pool_t *turn;

    relay.name = relay.name ? relay.name : run->options.url;
    SCIM_ERR(read_key(&relay));
    SCIM_ERR(prepare_curl(&relay));
    say_if_pooled(run);
    if (run->count > 0) {
        SCIM_ERR(scimctl_choose_organization(&rows, run));
        relay.organization_id = run->call.principal->organization_id;
    }
    SCIM_ERR(make_row(&relay));
    apr_pool_create(&turn, run->pool);
    while (!error) {
        apr_pool_clear(turn);
        error = work(&relay, turn);
    }
    return error;
}

/* Relays as operators see them */

static const scimctl_column_t relay_columns[] = {
    { "NAME", "name", 0, SCIMCTL_TEXT },
    { "ORGANIZATION", "organization", 1, SCIMCTL_TEXT },
    { "RUNNING", "running", 2, SCIMCTL_BOOLEAN },
    { "POSITION", "position", 3, SCIMCTL_NUMBER },
    { "BEHIND", "events", 4, SCIMCTL_NUMBER },
    { "SECONDS", "seconds", 5, SCIMCTL_NUMBER },
    { "REFUSED", "refused", 6, SCIMCTL_NUMBER },
    { "ATTEMPTS", "attempts", 7, SCIMCTL_NUMBER },
    { "LAST ERROR", "lastError", 8, SCIMCTL_TEXT },
    { "ERROR AT", "lastErrorAt", 9, SCIMCTL_TEXT },
    { "SKIPPED", "skipped", 10, SCIMCTL_NUMBER },
    { "SKIPPED AT", "skippedAt", 11, SCIMCTL_TEXT },
    { NULL, NULL, 0, SCIMCTL_TEXT }
};

scim_error_t *scimctl_relay_list(scimctl_run_t *run)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_RELAY_LIST, 0, NULL));
    scimctl_list(run, rows, relay_columns);
    return NULL;
}

static const scimctl_column_t skip_columns[] = {
    { "SKIPPED", "sequence", 0, SCIMCTL_NUMBER },
    { "ORGANIZATION", "organization", 1, SCIMCTL_TEXT },
    { "KIND", "kind", 2, SCIMCTL_TEXT },
    { "TYPE", "resourceType", 3, SCIMCTL_TEXT },
    { "ID", "resourceId", 4, SCIMCTL_TEXT },
    { "ACCOUNT", "accountId", 5, SCIMCTL_TEXT },
    { "REFUSED BECAUSE", "lastError", 6, SCIMCTL_TEXT },
    { NULL, NULL, 0, SCIMCTL_TEXT }
};

scim_error_t *scimctl_relay_skip(scimctl_run_t *run)
{
    const char *values[] = { run->arguments[0] };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_RELAY_SKIP,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) == 0) {
        return scim_error(run->pool, SCIM_E_NOT_FOUND,
                          "There is nothing to skip: no relay '%.60s' has a"
                          " refused event; scimctl relay list shows all"
                          " relays.", run->arguments[0]);
    }
    scimctl_show(run, rows, skip_columns);
    return NULL;
}

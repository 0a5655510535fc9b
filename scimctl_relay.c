/* scimctl relay: each event of the change feed as a signed POST to a URL.
 *
 * The signature and its secret are those of Standard Webhooks: HMAC-SHA256 of
 * "id.timestamp.body" in Webhook-Signature, "whsec_" and base64 of the key, so
 * receivers check it with a ready-made library or a few lines.  An event is
 * sent until the receiver takes it (2xx); the next one waits, so their order
 * holds.
 */
#include <string.h>
#include <unistd.h>

#include <apr_encode.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "scim_feed.h"
#include "scimctl_print.h"
#include "scimctl_run.h"

#define SECRET_PREFIX "whsec_"
#define SECRET_MIN 24            /* bytes of the key, as the standard says */
#define SECRET_MAX 64
#define SECRET_FILE_MAX 512
#define CONNECT_SECONDS 10L
#define ANSWER_SECONDS 30L
#define PAUSE_MIN apr_time_from_sec(1)
#define PAUSE_MAX apr_time_from_sec(60)

typedef struct {
    scimctl_run_t *run;
    const char *name;
    const unsigned char *key;
    apr_size_t key_length;
    char sequence[24];           /* of the latest event that was taken */
    CURL *curl;
    char problem[CURL_ERROR_SIZE];
} relay_t;

/* As ssh has it for keys: what others can read is no secret.  A group may,
 * where the file is somebody else's, who lets us read it by the group. */
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
                     "Others than its owner can read or change the secret"
                     " file '%s': chmod 600 it, and generate a new secret if"
                     " others may have seen this one.",
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
        apr_pstrcat(pool, "Webhook-Id: ", event->sequence, NULL),
        apr_pstrcat(pool, "Webhook-Timestamp: ", now, NULL),
        apr_pstrcat(pool, "Webhook-Signature: ",
                    signature(relay, event->sequence, now, event->json,
                              pool), NULL)
    };
    struct curl_slist *headers = NULL;
    apr_size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        headers = curl_slist_append(headers, lines[i]);
    }
    return headers;
}

/* What the receiver says is not ours to print. */
static size_t ignore(char *bytes, size_t size, size_t count, void *unused)
{
    return size * count;
}

/* NULL when the receiver took it, else why it did not. */
static const char *post(relay_t *relay, const scim_feed_event_t *event,
                        apr_pool_t *pool)
{
    struct curl_slist *headers = headers_of(relay, event, pool);
    long status = 0;
    CURLcode code;

    relay->problem[0] = '\0';
    curl_easy_setopt(relay->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(relay->curl, CURLOPT_POSTFIELDS, event->json);
    code = curl_easy_perform(relay->curl);
    curl_easy_getinfo(relay->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_setopt(relay->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) {
        return relay->problem[0] ? apr_pstrdup(pool, relay->problem)
                                 : curl_easy_strerror(code);
    }
    return status >= 200 && status < 300 ? NULL
        : apr_psprintf(pool, "the receiver answered %ld", status);
}

static scim_error_t *taken_over(const relay_t *relay)
{
    return scim_error(relay->run->pool, SCIM_E_CONFLICT,
                      "Another relay with the name '%.60s' is running; give"
                      " this one another --name.", relay->name);
}

/* Whoever else moves the position is another relay of the same name, unless
 * the answer to our own move was lost. */
static scim_error_t *advance(relay_t *relay, const char *sequence,
                             apr_pool_t *pool)
{
    const char *values[] = { relay->name, relay->sequence, sequence };
    scim_db_t *db = scim_db_within(relay->run->call.db, pool);
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_RELAY_ADVANCE, values));
    if (scim_rows_count(rows) == 0) {
        SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_RELAY, values));
        if (scim_rows_count(rows) == 0
            || strcmp(scim_rows_value(rows, 0, 0), sequence) != 0) {
            return taken_over(relay);
        }
    }
    apr_cpystrn(relay->sequence, sequence, sizeof(relay->sequence));
    return NULL;
}

static scim_error_t *deliver(void *baton, const scim_feed_event_t *event,
                             apr_pool_t *pool)
{
    relay_t *relay = baton;
    apr_interval_time_t pause = PAUSE_MIN;
    const char *problem;

    while ((problem = post(relay, event, pool)) != NULL) {
        scimctl_say(pool, "scimctl: event %s: %s; again in %d s",
                    event->sequence, problem, (int) apr_time_sec(pause));
        apr_sleep(pause);
        pause = pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
    }
    return advance(relay, event->sequence, pool);
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

/* What is wrong with the URL, as the end of a sentence; NULL: nothing. */
static const char *flaw_of(const relay_t *relay, CURLU *url,
                           apr_pool_t *pool)
{
    const char *scheme = part_of(url, CURLUPART_SCHEME, pool);
    int is_plain = strcmp(scheme, "http") == 0;

    if (!is_plain && strcmp(scheme, "https") != 0) {
        return apr_psprintf(pool, "'%.200s' is no https or http URL",
                            relay->run->options.url);
    }
    if (*part_of(url, CURLUPART_USER, pool)
        || *part_of(url, CURLUPART_PASSWORD, pool)) {
        return "a URL must not have a user name or password: the receiver"
               " knows the relay by its signature";
    }
    if (is_plain && !is_loopback(part_of(url, CURLUPART_HOST, pool))) {
        return "changes of accounts must not travel in the clear: it must be"
               " https, or http to a loopback address";
    }
    return *part_of(url, CURLUPART_QUERY, pool) && !relay->run->options.name
           ? "the query of a URL may hold a secret, and without --name the"
             " URL would be stored as the relay's name: give a --name"
           : NULL;
}

/* A mistake that no retry mends is said at once. */
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
    curl_easy_setopt(relay->curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(relay->curl, CURLOPT_ERRORBUFFER, relay->problem);
    return NULL;
}

/* Where this relay goes on: where it was, or for a new one behind --after. */
static scim_error_t *find_position(scim_feed_position_t *position,
                                   relay_t *relay,
                                   const char *organization_id)
{
    const char *after = relay->run->options.after;
    const char *values[] = { relay->name, after ? after : "0" };
    scim_db_t *db = relay->run->call.db;
    scim_rows_t *rows;

    SCIM_ERR(scim_feed_find(position, db, values[1], organization_id,
                            relay->run->pool));
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_RELAY_INSERT, values));
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_RELAY, values));
    apr_cpystrn(relay->sequence, scim_rows_value(rows, 0, 0),
                sizeof(relay->sequence));
    return scim_feed_find(position, db, relay->sequence, organization_id,
                          relay->run->pool);
}

scim_error_t *scimctl_relay(scimctl_run_t *run)
{
    relay_t relay = { .run = run, .name = run->options.name };
    scim_feed_reader_t reader = { NULL, 1, deliver, NULL,
                                  scimctl_say_waiting, &relay };
    scim_feed_position_t position;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_need(run, run->options.url, "--url"));
    SCIM_ERR(scimctl_need(run, run->options.secret_file, "--secret-file"));
    relay.name = relay.name ? relay.name : run->options.url;
    SCIM_ERR(read_key(&relay));
    SCIM_ERR(prepare_curl(&relay));
    scimctl_say_if_pooled(run);
    if (run->count > 0) {
        SCIM_ERR(scimctl_choose_organization(&rows, run));
        reader.organization_id = run->call.principal->organization_id;
    }
    SCIM_ERR(find_position(&position, &relay, reader.organization_id));
    return scim_feed_read(&position, run->call.db, &reader, run->pool);
}

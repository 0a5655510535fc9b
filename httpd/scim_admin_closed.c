/* SPDX-License-Identifier: Apache-2.0 */
/* Pages for people who are not let in, see scim_admin_closed.h.
 *
 * They look like the settings page, but its style sheet is only for
 * administrators, so they bring a small one with them, which their
 * Content-Security-Policy allows by its hash.  Whether there is such an
 * organization must not show: all that they name is from the request.
 */
#include "httpd/scim_admin_closed.h"

#include <string.h>

#include <apr_strings.h>

#include <http_protocol.h>

#include "httpd/scim_admin_page.h"

#define STYLE                                                               \
    ":root{--text:#1c2430;--page:#f5f6f8;--card:#fff;--line:#d5dae2;"       \
    "--accent:#1a56c4;color-scheme:light dark;font:16px/1.5 system-ui,"     \
    "\"Segoe UI\",\"Noto Sans\",\"Noto Sans CJK JP\",sans-serif}"           \
    "@media(prefers-color-scheme:dark){:root{--text:#e7eaf0;"               \
    "--page:#14181f;--card:#1d232d;--line:#3a4453;--accent:#8db6ff}}"       \
    "body{margin:0;background:var(--page);color:var(--text);"               \
    "overflow-wrap:anywhere}"                                               \
    "main{max-width:40rem;margin:2rem auto;padding:0 1rem}"                 \
    "section{background:var(--card);border:1px solid var(--line);"          \
    "border-radius:.5rem;padding:1rem;margin-bottom:1rem}"                  \
    "h1{font-size:1.5rem}p{margin:0}p+p{margin-top:.75rem}"                 \
    "a{color:var(--accent)}"
/* The base64 of its SHA-256; t/70-admin.t compares. */
#define STYLE_HASH "Ace2kcr3RBzk7Fx5gn8ypiIHoiST/GkAtlO2reItkzs="

/* Where a page leads on to. */
typedef enum { NOWHERE, HOME, AGAIN, SIGN_OUT } way_e;

/* What a page says, as HTML. */
typedef struct {
    const char *title;
    const char *text;
    const char *japanese;
    way_e way;
} notice_t;

static const notice_t not_secure = {
    "TLS is required",
    "These settings are only served over TLS: open them with https://.",
    "この設定は https:// で開いてください。", NOWHERE
};
static const notice_t nobody = {
    "No access",
    "You are not signed in, and this server asks nobody to sign in here."
    " Please tell its operator: its error log says what is missing.",
    "サインインしていません。"
    "このサーバーはここでサインインを求めていません。"
    "サーバーの運用者に連絡してください。"
    "詳細はエラーログにあります。", NOWHERE
};
static const notice_t not_found = {
    "Not found", SCIM_ADMIN_NOTHING_HERE,
    "このアドレスには何もありません。", HOME
};
static const notice_t not_allowed = {
    "Not allowed",
    "This page is read-only; changes go through its API.",
    "このページは表示専用です。", HOME
};
static const notice_t not_now = {
    "Not available now",
    "Please try again in a moment.",
    "しばらくしてからお試しください。", AGAIN
};

static const char *shown(apr_pool_t *pool, const char *text)
{
    return ap_escape_html(pool, apr_pstrndup(pool, text, 120));
}

static notice_t no_access(request_rec *r, const char *organization)
{
    const char *user = shown(r->pool, r->user);
    notice_t notice = { "No access", NULL, NULL, SIGN_OUT };

    organization = shown(r->pool, organization ? organization : "?");
    notice.text = apr_psprintf(r->pool,
        "You are signed in as <strong>%s</strong>. These settings are for"
        " active administrators (role ADMIN) of <strong>%s</strong>, and this"
        " account is not one of them. Ask one of them for the role, or sign in"
        " with another account.", user, organization);
    notice.japanese = apr_psprintf(r->pool,
        "<strong>%s</strong> としてサインインしています。"
        "この設定を利用できるのは <strong>%s</strong> の"
        "有効な管理者（ADMIN）だけで、"
        "このアカウントは該当しません。"
        "管理者にロールの付与を依頼するか、"
        "別のアカウントでサインインしてください。",
        user, organization);
    return notice;
}

static notice_t notice_for(request_rec *r, scim_error_kind_e kind,
                           const char *organization)
{
    if (kind == SCIM_E_NOT_SECURE) {
        return not_secure;
    }
    switch (scim_error_status(kind)) {
    case HTTP_NOT_FOUND:
        return not_found;
    case HTTP_FORBIDDEN:
        return r->user ? no_access(r, organization) : nobody;
    case HTTP_METHOD_NOT_ALLOWED:
        return not_allowed;
    default:
        return not_now;
    }
}

/* The page of the organization: what is in front of its path. */
static const char *home_of(request_rec *r, const char *path)
{
    return path ? apr_pstrcat(r->pool,
                              ap_os_escape_path(r->pool,
                                  apr_pstrmemdup(r->pool, r->uri,
                                                 path - r->uri), 1),
                              "/", NULL)
                : NULL;
}

/* The link in a language; "" if it would lead nowhere. */
static const char *link_to(const char *address, const char *text,
                           request_rec *r)
{
    return address ? apr_pstrcat(r->pool, "\n<p><a href=\"",
                                 ap_escape_html(r->pool, address), "\">", text,
                                 "</a></p>", NULL)
                   : "";
}

int scim_admin_closed_answer(request_rec *r, scim_error_kind_e kind,
                             const char *organization, const char *path,
                             const char *sign_out_url)
{
    static const char *const links[][2] = {
        [HOME] = { "Back to the settings", "設定へ戻る" },
        [AGAIN] = { "Try again", "もう一度試す" },
        [SIGN_OUT] = { "Sign out", "サインアウト" }
    };
    notice_t notice = notice_for(r, kind, organization);
    const char *addresses[] = { [NOWHERE] = NULL, [HOME] = home_of(r, path),
                                [AGAIN] = "", [SIGN_OUT] = sign_out_url };
    const char *address = addresses[notice.way];
    const char *page = apr_pstrcat(r->pool, "<!DOCTYPE html>\n"
        "<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width,"
        " initial-scale=1\"><title>", notice.title,
        "</title><style>" STYLE "</style></head>\n<body><main><h1>",
        notice.title, "</h1>\n<section><p>", notice.text, "</p>",
        link_to(address, links[notice.way][0], r),
        "</section>\n<section lang=\"ja\"><p>", notice.japanese, "</p>",
        link_to(address, links[notice.way][1], r),
        "</section></main></body></html>\n", NULL);

    r->status = scim_error_status(kind);
    scim_admin_page_headers(r, "no-store");
    apr_table_setn(r->headers_out, "Content-Security-Policy",
                   "default-src 'none'; style-src 'sha256-" STYLE_HASH "';"
                   " base-uri 'none'; form-action 'none';"
                   " frame-ancestors 'none'");
    return scim_admin_page_write(r, "text/html; charset=utf-8", page,
                                 strlen(page));
}

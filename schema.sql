-- mod_scim: the database.  PostgreSQL 15 or later, encoding UTF8, with ICU.
--
--   psql -v ON_ERROR_STOP=1 -f schema.sql
--
-- as the role scim_owner, or as one that may SET ROLE scim_owner; roles.sql makes
-- the roles.  Applying it again is safe: it creates what is missing and keeps
-- all rows.  Who applies it at the same time waits.

BEGIN;

DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'scim');
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'mod_scim needs a database with encoding UTF8, this one has %',
            current_setting('server_encoding');
    ELSIF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'scim_owner') THEN
        RAISE EXCEPTION 'Nothing was changed: there is no role scim_owner; roles.sql, run once by a superuser, makes it and the others';
    ELSIF NOT pg_has_role('scim_owner', 'MEMBER') THEN
        RAISE EXCEPTION 'Nothing was changed: apply schema.sql as scim_owner (PGUSER=scim_owner), % may not become it', current_user;
    ELSIF owner <> 'scim_owner' THEN
        RAISE EXCEPTION 'Nothing was changed: schema scim belongs to %; roles.sql, run by a superuser in this database, hands it over to scim_owner', owner;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('scim.schema'));
END
$$;

-- All that is made here is scim_owner's, and what it says means what
-- PostgreSQL means by it, whatever else the database has.
SET LOCAL client_min_messages = warning;
SET LOCAL ROLE scim_owner;
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA IF NOT EXISTS scim;
COMMENT ON SCHEMA scim IS 'Accounts provisioned by mod_scim (SCIM 2.0, RFC 7643 and 7644)';

CREATE TABLE IF NOT EXISTS scim.schema_version (
    version     integer PRIMARY KEY,
    applied_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE scim.schema_version IS 'Versions of schema.sql that were applied here; the highest is the current one';
COMMENT ON COLUMN scim.schema_version.version IS 'Number of the version';
COMMENT ON COLUMN scim.schema_version.applied_at IS 'When it was first applied';
INSERT INTO scim.schema_version (version) VALUES (1), (2), (3), (4) ON CONFLICT DO NOTHING;

-- An application's session may put a schema of its own in front of pg_catalog, with
-- an operator "=" that is never true, and must gain nothing by it.  Functions
-- whose body follows RETURN were bound to their operators, functions and types when
-- they were made, as constraints, index expressions and conditions of triggers
-- are: they need no search_path, and could not be inlined with one.  Functions in
-- PL/pgSQL are parsed in the session that calls them: they set search_path.

-- Comparison keys.  ICU and its root collation make them independent of the
-- cluster's locale; scim_text.c makes the same ones.  As long as characters as
-- bytes, a string is ASCII and needs none of the costly steps.

-- Unicode's full case folding, which PostgreSQL 15 does not have, out of what it
-- has: every letter is folded as the lower case of its upper case, but for capital
-- sharp s (its lower case is taken), dotless i (kept, behind a code point that
-- no character has), final sigma (lower-casing looks at the end of the word,
-- folding does not) and Cherokee (folded to upper case).  In PL/pgSQL, for a SQL
-- function would become part of the keys of scim.account, whose expressions are
-- read for each row that is written, and this one is long.
CREATE OR REPLACE FUNCTION scim.fold_case(value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
    RETURN pg_catalog.translate(
        pg_catalog.lower(pg_catalog.upper(pg_catalog.translate(value, 'ẞı', 'ß' OPERATOR(pg_catalog.||) pg_catalog.chr(64976)) COLLATE pg_catalog."und-x-icu")),
        'ς' OPERATOR(pg_catalog.||) pg_catalog.chr(64976) OPERATOR(pg_catalog.||) 'ꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻꮼꮽꮾꮿᏸᏹᏺᏻᏼᏽ',
        'σıᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫᏬᏭᏮᏯᏰᏱᏲᏳᏴᏵ');
END
$$;
COMMENT ON FUNCTION scim.fold_case(text) IS 'Unicode full case folding (CaseFolding.txt, status C and F)';

CREATE OR REPLACE FUNCTION scim.fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(value) = char_length(value)
           THEN lower(value COLLATE "C")
           ELSE normalize(scim.fold_case(normalize(value, NFC)), NFC) COLLATE "C"
           END;
COMMENT ON FUNCTION scim.fold(text) IS 'Comparison key of a string that ignores case and Unicode form (RFC 7643 section 2.2, caseExact false)';

CREATE OR REPLACE FUNCTION scim.user_name_key(user_name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(user_name) = char_length(user_name)
           THEN lower(user_name COLLATE "C")
           ELSE normalize(scim.fold_case(normalize(user_name, NFKC)), NFC) COLLATE "C"
           END;
COMMENT ON FUNCTION scim.user_name_key(text) IS 'Comparison key of a userName: as scim.fold, and full-width letters equal ordinary ones (RFC 8265 section 3.3)';

-- NFC and case folding never make or remove a quote, backslash or bracket, so
-- they can be applied to the JSON text as a whole.  The cost, and a language
-- that is not inlined, lead the planner to the index rather than to folding
-- every row.  Its names have their schemas, for setting search_path would
-- make it a third slower.
CREATE OR REPLACE FUNCTION scim.fold_json(value jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT COST 1000 AS $$
BEGIN
    RETURN scim.fold(value::pg_catalog.text)::pg_catalog.jsonb;
END
$$;
COMMENT ON FUNCTION scim.fold_json(jsonb) IS 'The document with every name and string as its comparison key; indexed, so that containment answers every eq';

-- What names can be, as scim_text_flaw in scim_text.c says it: no control,
-- direction or invisible characters.  C knows where the joiners and variation
-- selectors that some languages need may stand; SQL lets them all pass.
CREATE OR REPLACE FUNCTION scim.is_identifier(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN value <> '' AND value COLLATE "C" !~ (
        '^ |  | $|[\u0001-\u001F\u007F-\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
        '\u2000-\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFDD0-\uFDEF\uFEFF\uFFA0'
        '\uFFF0-\uFFFC\U00013430-\U0001343F\U0001BCA0-\U0001BCA3\U0001D159\U0001D173-\U0001D17A'
        '\U000E0000-\U000E0FFF]');
COMMENT ON FUNCTION scim.is_identifier(text) IS 'Whether value can be a userName: no control, direction or invisible character, no blank but a single one between words (RFC 8265 section 3.3)';
CREATE OR REPLACE FUNCTION scim.is_name(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN value COLLATE "C" !~ (
        '[\u0001-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180E\u200B\u200E\u200F'
        '\u2028-\u202E\u2060-\u206F\u3164\uFDD0-\uFDEF\uFEFF\uFFA0\uFFF0-\uFFFC\U00013430-\U0001343F'
        '\U0001BCA0-\U0001BCA3\U0001D159\U0001D173-\U0001D17A\U000E0000-\U000E00FF\U000E01F0-\U000E0FFF]')
        AND value COLLATE "C" ~ '[^\u0020\u00A0\u1680\u180B-\u180F\u2000-\u200F\u202F\u205F\u2800\u3000\uFE00-\uFE0F\U000E0100-\U000E01EF]';
COMMENT ON FUNCTION scim.is_name(text) IS 'Whether value can be a name for people: not blank, and no control, direction or invisible character';

CREATE OR REPLACE FUNCTION scim.are_domains(value text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN NOT EXISTS (SELECT FROM unnest(value) domain
                       WHERE domain COLLATE "C" !~ '^([a-z0-9\u00A1-\U0010FFFF]([a-z0-9\u00A1-\U0010FFFF-]*[a-z0-9\u00A1-\U0010FFFF])?[.])*[a-z0-9\u00A1-\U0010FFFF]([a-z0-9\u00A1-\U0010FFFF-]*[a-z0-9\u00A1-\U0010FFFF])?$');
COMMENT ON FUNCTION scim.are_domains(text[]) IS 'Whether every value can be the name of a domain, lower case';

-- A row that the module could not read again must not be written.  No query
-- within: PostgreSQL would plan it for every row.  In lower case, members that
-- differ in case only become one, and the text shorter.
CREATE OR REPLACE FUNCTION scim.is_readable(document jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN NOT jsonb_path_exists(document, 'strict $.**{16 to last} ? (@.type() == "object" || @.type() == "array")')
       AND NOT jsonb_path_exists(document, 'strict $.** ? (@.type() == "number" && (@ > 9007199254740992 || @ < -9007199254740992))')
       AND CASE WHEN document::text ~ '[0-9.]{63}'    -- 64 with a sign, and not within a string
                THEN regexp_replace(document::text, '"([^"\\]|\\.)*"', '""', 'g') !~ '[-0-9.]{64}' ELSE true END
       AND octet_length(lower(document::text COLLATE "C")::jsonb::text) = octet_length(document::text);
COMMENT ON FUNCTION scim.is_readable(jsonb) IS 'Whether account.attributes can be read back: at most 16 levels, no member twice whatever the case, no number beyond 2^53';

CREATE OR REPLACE FUNCTION scim.refuse_value() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% %', TG_ARGV[0], TG_ARGV[1] USING ERRCODE = 'check_violation',
        TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA, COLUMN = TG_ARGV[0], CONSTRAINT = TG_NAME;
END
$$;
COMMENT ON FUNCTION scim.refuse_value() IS 'Refuses a row whose column (first argument) is not as the second argument says';

CREATE TABLE IF NOT EXISTS scim.organization (
    id                    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    key                   text NOT NULL UNIQUE
                          CHECK (key ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name                  text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    provisioning_enabled  boolean NOT NULL DEFAULT false,
    domains               text[] NOT NULL DEFAULT '{}'
                          CHECK (array_position(domains, NULL) IS NULL
                                 AND array_to_string(domains, '/') !~ '[[:upper:][:space:]@]'),
    created_at            timestamptz(3) NOT NULL DEFAULT now()
);
COMMENT ON TABLE scim.organization IS 'Tenants. Nothing ever crosses organizations';
COMMENT ON COLUMN scim.organization.id IS 'Identity; first column of every key';
COMMENT ON COLUMN scim.organization.key IS 'Segment of the SCIM URL: acme in /scim/acme/v2';
COMMENT ON COLUMN scim.organization.name IS 'Name for people';
COMMENT ON COLUMN scim.organization.provisioning_enabled IS 'Whether SCIM requests are served';
COMMENT ON COLUMN scim.organization.domains IS 'Verified e-mail domains that userName may have, lower case; empty: any';
COMMENT ON COLUMN scim.organization.created_at IS 'When the row was made';

-- Two random UUIDs have 244 random bits.
ALTER TABLE scim.organization ADD COLUMN IF NOT EXISTS cursor_key bytea NOT NULL
    DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
    CHECK (length(cursor_key) >= 32);
COMMENT ON COLUMN scim.organization.cursor_key IS 'Authenticates the cursors of pages; all hosts share it. A new one ends all cursors';

CREATE TABLE IF NOT EXISTS scim.account (
    organization_id     uuid NOT NULL REFERENCES scim.organization,
    id                  uuid NOT NULL DEFAULT gen_random_uuid(),
    user_name           text NOT NULL
                        CHECK (user_name ~ '[^[:space:]]' AND length(user_name) <= 512
                               AND user_name !~ '[\x01-\x1f\x7f]'),
    user_name_key       text COLLATE "C" NOT NULL
                        GENERATED ALWAYS AS (scim.user_name_key(user_name)) STORED,
    display_name        text CHECK (display_name <> ''),
    external_id         text COLLATE "C" CHECK (external_id <> ''),
    preferred_language  text CHECK (preferred_language <> ''),
    timezone            text CHECK (timezone <> ''),
    role                text NOT NULL DEFAULT 'GUEST' CHECK (role IN ('ADMIN', 'USER', 'GUEST')),
    active              boolean NOT NULL DEFAULT true,
    managed             boolean NOT NULL DEFAULT true,
    sync_eligible       boolean NOT NULL DEFAULT true,
    provisioned_at      timestamptz(3),
    attributes          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    version             bigint NOT NULL DEFAULT 1,
    created_at          timestamptz(3) NOT NULL DEFAULT now(),
    updated_at          timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    CONSTRAINT account_user_name_unique UNIQUE (organization_id, user_name_key)
);
COMMENT ON TABLE scim.account IS 'People in an organization';
COMMENT ON COLUMN scim.account.organization_id IS 'The organization';
COMMENT ON COLUMN scim.account.id IS 'SCIM id: random, stable, never reused';
COMMENT ON COLUMN scim.account.user_name IS 'SCIM userName as it was sent; unique in the organization by user_name_key';
COMMENT ON COLUMN scim.account.user_name_key IS 'What userName is compared by: case, Unicode form and width ignored';
COMMENT ON COLUMN scim.account.display_name IS 'SCIM displayName';
COMMENT ON COLUMN scim.account.external_id IS 'SCIM externalId: the identity provider''s own id; case matters; not unique';
COMMENT ON COLUMN scim.account.preferred_language IS 'SCIM preferredLanguage';
COMMENT ON COLUMN scim.account.timezone IS 'SCIM timezone: an IANA name';
COMMENT ON COLUMN scim.account.role IS 'ADMIN, USER or GUEST. Mirrored in attributes.roles, whichever of the two is written';
COMMENT ON COLUMN scim.account.active IS 'false: deactivated, may not sign in';
COMMENT ON COLUMN scim.account.managed IS 'Managed Account: administered by the organization. Provisioning may change no other';
COMMENT ON COLUMN scim.account.sync_eligible IS 'Whether provisioning may take over a Managed Account that was there before';
COMMENT ON COLUMN scim.account.provisioned_at IS 'When SCIM last created or changed it; set: Provisioned Managed Account';
COMMENT ON COLUMN scim.account.attributes IS 'All other SCIM attributes as JSON in the schema''s spelling; the Enterprise User under its URN';
COMMENT ON COLUMN scim.account.version IS 'Counts changes; the SCIM version and ETag';
COMMENT ON COLUMN scim.account.created_at IS 'SCIM meta.created';
COMMENT ON COLUMN scim.account.updated_at IS 'SCIM meta.lastModified';

CREATE INDEX IF NOT EXISTS account_external_id
    ON scim.account (organization_id, external_id, id);
CREATE INDEX IF NOT EXISTS account_display_name
    ON scim.account (organization_id, (scim.fold(display_name) COLLATE "C"), id);
CREATE INDEX IF NOT EXISTS account_created
    ON scim.account (organization_id, created_at, id);
CREATE INDEX IF NOT EXISTS account_updated
    ON scim.account (organization_id, updated_at, id);

-- Every index begins with the organization, so that no request reads, or waits
-- for, another one's rows.  For GIN that takes btree_gin, which is part of
-- PostgreSQL and which the owner of a database may create.
CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA scim;
CREATE INDEX IF NOT EXISTS account_by_attribute
    ON scim.account USING gin (organization_id, scim.fold_json(attributes) jsonb_path_ops);
DROP INDEX IF EXISTS scim.account_attributes;    -- of all organizations together

-- The members page: any choice of role, state and label is a few ranges of
-- this index, each in the order of userName.
CREATE OR REPLACE FUNCTION scim.account_label(managed boolean, sync_eligible boolean, provisioned_at timestamptz)
    RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN NOT managed THEN 'unmanaged' WHEN NOT sync_eligible THEN 'ineligible'
           WHEN provisioned_at IS NULL THEN 'managed' ELSE 'provisioned' END;
COMMENT ON FUNCTION scim.account_label(boolean, boolean, timestamptz) IS 'unmanaged, ineligible (Managed Account that provisioning may not take over), managed (Managed Account) or provisioned (Provisioned Managed Account)';
CREATE INDEX IF NOT EXISTS account_by_label
    ON scim.account (organization_id, role, active, scim.account_label(managed, sync_eligible, provisioned_at), user_name_key);

CREATE TABLE IF NOT EXISTS scim.token (
    organization_id  uuid NOT NULL REFERENCES scim.organization,
    id               uuid NOT NULL DEFAULT gen_random_uuid(),
    issuer           uuid NOT NULL,
    name             text NOT NULL CHECK (name ~ '[^[:space:]]' AND length(name) <= 200),
    prefix           text NOT NULL CHECK (prefix <> ''),
    hash             bytea NOT NULL CHECK (length(hash) = 32),
    created_at       timestamptz(3) NOT NULL DEFAULT now(),
    expires_at       timestamptz(3),
    last_used_at     timestamptz(3),
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, hash),
    FOREIGN KEY (organization_id, issuer) REFERENCES scim.account ON DELETE CASCADE
);
COMMENT ON TABLE scim.token IS 'Bearer tokens of identity providers; live until expires_at or deletion';
COMMENT ON COLUMN scim.token.organization_id IS 'The organization that the token opens';
COMMENT ON COLUMN scim.token.id IS 'Identity';
COMMENT ON COLUMN scim.token.issuer IS 'The ADMIN account in whose name it was generated';
COMMENT ON COLUMN scim.token.name IS 'Name for people';
COMMENT ON COLUMN scim.token.prefix IS 'First characters of the token, to recognise it by';
COMMENT ON COLUMN scim.token.hash IS 'SHA-256 of the token. The token itself never reaches the database';
COMMENT ON COLUMN scim.token.created_at IS 'When it was generated';
COMMENT ON COLUMN scim.token.expires_at IS 'When it ends; NULL: when deleted';
COMMENT ON COLUMN scim.token.last_used_at IS 'Last use, to the minute';
CREATE INDEX IF NOT EXISTS token_issuer ON scim.token (organization_id, issuer);

CREATE TABLE IF NOT EXISTS scim.event (
    organization_id  uuid NOT NULL,
    sequence         bigint GENERATED ALWAYS AS IDENTITY,
    transaction_id   xid8 NOT NULL DEFAULT pg_current_xact_id(),
    account_id       uuid,
    kind             text NOT NULL,
    actor_kind       text NOT NULL CHECK (actor_kind IN ('token', 'account', 'operator')),
    actor_id         uuid,
    actor_name       text NOT NULL,
    attributes       text[] NOT NULL DEFAULT '{}',
    version          bigint,
    occurred_at      timestamptz(3) NOT NULL DEFAULT now(),
    data             jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, sequence)
);
ALTER TABLE scim.event ALTER COLUMN account_id DROP NOT NULL, ALTER COLUMN version DROP NOT NULL;

-- After a promotion or a restore, transactions and sequences are given once more.
-- What tells the histories apart: the cluster, its timeline, and when the server
-- was started (a copy of its files that is started has neither of the others).
-- The timeline of a checkpoint would be the old one for a while.  A session that
-- has written can have seen no promotion, so it asks once.
CREATE OR REPLACE FUNCTION scim.session_history() RETURNS bigint
    LANGUAGE sql VOLATILE
    RETURN (SELECT set_config('scim.history', (hashtextextended(concat_ws(' ', s.system_identifier,
                left(pg_walfile_name(pg_current_wal_lsn()), 8), extract(epoch FROM pg_postmaster_start_time())), 0)
            & 9223372036854775807)::text, false)::bigint
            FROM pg_control_system() s);
COMMENT ON FUNCTION scim.session_history() IS 'The history in which this session writes: another number after each promotion, restore or start of the server';
ALTER TABLE scim.event ADD COLUMN IF NOT EXISTS history bigint NOT NULL DEFAULT 0;
ALTER TABLE scim.event ALTER COLUMN history
    SET DEFAULT coalesce(nullif(current_setting('scim.history', true), '')::bigint, scim.session_history());
ALTER TABLE scim.event ADD COLUMN IF NOT EXISTS restored_transaction_id xid8;
COMMENT ON COLUMN scim.event.restored_transaction_id IS 'Transaction of the change in the cluster from which it was restored';
COMMENT ON COLUMN scim.event.history IS 'In which history of the database it was written (scim.session_history); 0: before there was this column';
COMMENT ON TABLE scim.event IS 'One row an effective change, written in the transaction of the change: audit log and change feed';
COMMENT ON COLUMN scim.event.organization_id IS 'The organization';
COMMENT ON COLUMN scim.event.sequence IS 'Order in which changes were made; transactions may commit in another';
COMMENT ON COLUMN scim.event.transaction_id IS 'Transaction of the change: a reader stops before the oldest one still open';
COMMENT ON COLUMN scim.event.account_id IS 'The account, which may be gone; NULL: the change is the organization''s own';
COMMENT ON COLUMN scim.event.kind IS 'RFC 9967 event URI, or one of ours: urn:mod_scim:event:...';
COMMENT ON COLUMN scim.event.actor_kind IS 'Who did it: a SCIM token, an administrator''s account, or the operator (scimctl)';
COMMENT ON COLUMN scim.event.actor_id IS 'Id of that token or account';
COMMENT ON COLUMN scim.event.actor_name IS 'Its name at that time';
COMMENT ON COLUMN scim.event.attributes IS 'Names of the attributes that changed';
COMMENT ON COLUMN scim.event.version IS 'Version of the account after the change; NULL without one';
COMMENT ON COLUMN scim.event.occurred_at IS 'When';
COMMENT ON COLUMN scim.event.data IS '{"before": {...}, "after": {...}}: the changed attributes';
CREATE INDEX IF NOT EXISTS event_account ON scim.event (organization_id, account_id, sequence);

CREATE INDEX IF NOT EXISTS event_guest ON scim.event (organization_id, sequence)
    WHERE kind = 'urn:mod_scim:event:role:guest';

-- Whose account is gone is still found by name.
CREATE INDEX IF NOT EXISTS event_deleted
    ON scim.event (organization_id, scim.user_name_key(data #>> '{before,userName}'))
    WHERE kind = 'urn:ietf:params:scim:event:prov:delete';

-- The change feed reads in this order, up to the oldest transaction that is
-- still open: what it has passed can never change.
CREATE INDEX IF NOT EXISTS event_feed ON scim.event (transaction_id, sequence);
CREATE INDEX IF NOT EXISTS event_own_feed ON scim.event (organization_id, transaction_id, sequence);

-- Restored events are all of transaction 0, in the order of their sequences.  What a
-- reader had read of them is told by the transactions that they had, unless it
-- has gone on with them since they were restored.
CREATE OR REPLACE FUNCTION scim.feed_order(e scim.event, reader xid8) RETURNS xid8
    LANGUAGE sql IMMUTABLE
    RETURN coalesce(CASE WHEN reader > '0' THEN (e).restored_transaction_id END, reader);
COMMENT ON FUNCTION scim.feed_order(scim.event, xid8) IS 'Transaction by which a restored event is compared with that of a reader';

-- Where a reader goes on who has read up to an event: behind that event; when it is
-- not there, behind the latest one before it that was written in the same history.
-- That one the reader has read, because histories follow each other in the order of
-- the feed; what comes behind it may be of another history, and new.
-- This and scim.feed read a range of an index in its order: the planner, which takes
-- every organization for an average one, must not prefer to sort what is there.
-- So an organization is compared with others in one row with the rest.
CREATE OR REPLACE FUNCTION scim.feed_position(organization uuid, history bigint, INOUT transaction_id xid8,
                                              INOUT sequence bigint, OUT went_back boolean)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
    SET enable_sort = off SET enable_incremental_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE
    here record;
BEGIN
    IF (SELECT e.transaction_id FROM scim.event e ORDER BY e.transaction_id DESC, e.sequence DESC LIMIT 1)
       >= pg_snapshot_xmax(pg_current_snapshot()) THEN
        RAISE EXCEPTION 'this database was restored from another cluster: apply schema.sql to it once more, so that its events count as past'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    went_back := false;
    IF organization IS NULL THEN
        IF EXISTS (SELECT FROM scim.event e WHERE (e.transaction_id, e.sequence) = ($3, $4) AND e.history = $2)
           OR NOT EXISTS (SELECT FROM scim.event e WHERE (e.transaction_id, e.sequence) <= ($3, $4)) THEN
            RETURN;
        END IF;
        SELECT e.transaction_id, e.sequence INTO here FROM scim.event e
        WHERE (e.transaction_id, e.sequence) <= ($3, $4) AND e.history = $2
          AND (e.transaction_id > '0' OR (scim.feed_order(e, $3), e.sequence) <= ($3, $4))
        ORDER BY e.transaction_id DESC, e.sequence DESC LIMIT 1;
    ELSE
        IF EXISTS (SELECT FROM scim.event e WHERE (e.organization_id, e.transaction_id, e.sequence) = ($1, $3, $4)
                   AND e.history = $2)
           OR NOT EXISTS (SELECT FROM scim.event e
                          WHERE e.organization_id = $1 AND (e.transaction_id, e.sequence) <= ($3, $4)) THEN
            RETURN;
        END IF;
        SELECT e.transaction_id, e.sequence INTO here FROM scim.event e
        WHERE e.organization_id >= $1 AND (e.organization_id, e.transaction_id, e.sequence) <= ($1, $3, $4)
          AND e.history = $2 AND (e.transaction_id > '0' OR (scim.feed_order(e, $3), e.sequence) <= ($3, $4))
        ORDER BY e.organization_id DESC, e.transaction_id DESC, e.sequence DESC LIMIT 1;
    END IF;
    went_back := true;
    IF here.transaction_id = '0' THEN
        SELECT least(here.sequence, min(e.sequence) - 1) INTO here.sequence FROM scim.event e
        WHERE (organization IS NULL OR e.organization_id = organization) AND e.transaction_id = '0'
          AND (scim.feed_order(e, $3), e.sequence) > ($3, $4);
    END IF;
    transaction_id := coalesce(here.transaction_id, '0');
    sequence := coalesce(here.sequence, 0);
END
$$;
COMMENT ON FUNCTION scim.feed_position(uuid, bigint, xid8, bigint) IS 'Where a reader of the change feed goes on who remembers these three of the last event; NULL as organization: of all. went_back: events that were read are gone, and some may come again';

CREATE OR REPLACE FUNCTION scim.feed(organization uuid, transaction_id xid8, sequence bigint,
                                     most integer DEFAULT 500) RETURNS SETOF scim.event
    LANGUAGE plpgsql STABLE ROWS 500 SET search_path = pg_catalog, pg_temp
    SET enable_sort = off SET enable_incremental_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
BEGIN
    IF organization IS NULL THEN
        RETURN QUERY SELECT * FROM scim.event e
        WHERE (e.transaction_id, e.sequence) > ($2, $3) AND e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY e.transaction_id, e.sequence LIMIT most;
    ELSE
        RETURN QUERY SELECT * FROM scim.event e
        WHERE (e.organization_id, e.transaction_id, e.sequence) > ($1, $2, $3)
          AND (e.organization_id, e.transaction_id) < ($1, pg_snapshot_xmin(pg_current_snapshot()))
        ORDER BY e.organization_id, e.transaction_id, e.sequence LIMIT most;
    END IF;
END
$$;
COMMENT ON FUNCTION scim.feed(uuid, xid8, bigint, integer) IS 'The next events of the change feed behind these two numbers of scim.feed_position; NULL as organization: of all';

CREATE TABLE IF NOT EXISTS scim.relay (
    name        text PRIMARY KEY CHECK (name <> ''),
    sequence    bigint NOT NULL,
    updated_at  timestamptz(3) NOT NULL DEFAULT now()
);
COMMENT ON TABLE scim.relay IS 'How far each scimctl relay has got';
COMMENT ON COLUMN scim.relay.name IS 'Its --name';
COMMENT ON COLUMN scim.relay.sequence IS 'Sequence of the latest event that its receiver has taken; 0: none yet';
COMMENT ON COLUMN scim.relay.updated_at IS 'When';
ALTER TABLE scim.relay
    ADD COLUMN IF NOT EXISTS history bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS transaction_id xid8,
    ADD COLUMN IF NOT EXISTS organization_id uuid,
    ADD COLUMN IF NOT EXISTS refused bigint,
    ADD COLUMN IF NOT EXISTS attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS last_error text,
    ADD COLUMN IF NOT EXISTS last_error_at timestamptz(3),
    ADD COLUMN IF NOT EXISTS skipped bigint,
    ADD COLUMN IF NOT EXISTS skipped_at timestamptz(3);
COMMENT ON COLUMN scim.relay.history IS 'History of that event, as in scim.event';
COMMENT ON COLUMN scim.relay.transaction_id IS 'Transaction of that event, which may be gone; NULL: not known yet';
COMMENT ON COLUMN scim.relay.organization_id IS 'The organization whose events it sends; NULL: of all';
COMMENT ON COLUMN scim.relay.refused IS 'Sequence of the event that its receiver refuses; NULL: none';
COMMENT ON COLUMN scim.relay.attempts IS 'How often that was tried';
COMMENT ON COLUMN scim.relay.last_error IS 'Why an event was refused last';
COMMENT ON COLUMN scim.relay.last_error_at IS 'When';
COMMENT ON COLUMN scim.relay.skipped IS 'Sequence of the event that scimctl relay skip left out last';
COMMENT ON COLUMN scim.relay.skipped_at IS 'When';

-- Restored from a dump into another cluster, events have transactions that this
-- one has not come to, and would wait for them.  They are all past.
DO $$
BEGIN
    IF EXISTS (SELECT FROM scim.event WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())) THEN
        UPDATE scim.event SET transaction_id = '0',
            restored_transaction_id = coalesce(restored_transaction_id, transaction_id);
    END IF;
END
$$;

-- Refused requests, for the administrator who asks why somebody was not
-- provisioned.  In the order of events, so that both are one list.
CREATE TABLE IF NOT EXISTS scim.refusal (
    organization_id  uuid NOT NULL REFERENCES scim.organization,
    sequence         bigint NOT NULL DEFAULT nextval('scim.event_sequence_seq'),
    account_id       uuid,
    user_name        text,
    actor_name       text NOT NULL,
    method           text NOT NULL,
    path             text NOT NULL,
    status           smallint NOT NULL,
    scim_type        text,
    detail           text NOT NULL,
    occurred_at      timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, sequence)
);
COMMENT ON TABLE scim.refusal IS 'SCIM requests that were refused: the latest thousand of an organization, for 30 days';
COMMENT ON COLUMN scim.refusal.organization_id IS 'The organization';
COMMENT ON COLUMN scim.refusal.sequence IS 'Order, shared with scim.event';
COMMENT ON COLUMN scim.refusal.account_id IS 'The account that the request was about, where its path names one';
COMMENT ON COLUMN scim.refusal.user_name IS 'The userName in its body, where it has one';
COMMENT ON COLUMN scim.refusal.actor_name IS 'Name of the token';
COMMENT ON COLUMN scim.refusal.method IS 'HTTP method';
COMMENT ON COLUMN scim.refusal.path IS 'Path below the SCIM Location';
COMMENT ON COLUMN scim.refusal.status IS 'HTTP status of the answer';
COMMENT ON COLUMN scim.refusal.scim_type IS 'scimType of the answer';
COMMENT ON COLUMN scim.refusal.detail IS 'What the client was told';
COMMENT ON COLUMN scim.refusal.occurred_at IS 'When';

-- What is new must be right; what is there already does not keep its row from
-- being changed otherwise: a leaver with a bad name is deactivated all the same.
-- scim.account_before_write has the rules of accounts: PostgreSQL reads and plans
-- the condition of a trigger anew for each row, and accounts are written often.
DO $$
DECLARE
    rule record;
BEGIN
    FOR rule IN VALUES
        ('organization', 'name', 'is_name', 'must not be blank or contain control, direction or invisible characters'),
        ('organization', 'domains', 'are_domains', 'must be names of domains such as example.com'),
        ('token', 'name', 'is_name', 'must not be blank or contain control, direction or invisible characters')
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE INSERT ON scim.%I FOR EACH ROW'
                       ' WHEN (NOT scim.%I(NEW.%I)) EXECUTE FUNCTION scim.refuse_value(%L, %L)',
                       rule.column1 || '_' || rule.column2 || '_insert', rule.column1, rule.column3, rule.column2,
                       rule.column2, rule.column4);
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE UPDATE ON scim.%I FOR EACH ROW'
                       ' WHEN (NEW.%I IS DISTINCT FROM OLD.%I AND NOT scim.%I(NEW.%I))'
                       ' EXECUTE FUNCTION scim.refuse_value(%L, %L)',
                       rule.column1 || '_' || rule.column2 || '_update', rule.column1, rule.column2, rule.column2,
                       rule.column3, rule.column2, rule.column2, rule.column4);
    END LOOP;
END
$$;

-- The role column and attributes.roles say the same, whoever writes which: of
-- the two the one that was changed counts, of both, or when roles is no list,
-- the column.  SCIM keeps an empty list where a client wants no role at all
-- (profile open).
CREATE OR REPLACE FUNCTION scim.role_of(roles jsonb, role text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(upper(jsonb_path_query_first(roles, '$[*] ? (@.primary == true).value ? (@ like_regex "^(ADMIN|USER|GUEST)$" flag "i")') #>> '{}'),
                    upper(jsonb_path_query_first(roles, '$[*].value ? (@ like_regex "^(ADMIN|USER|GUEST)$" flag "i")') #>> '{}'),
                    CASE WHEN jsonb_path_exists(roles, '$[*].value ? (@ != "")') THEN role ELSE 'GUEST' END);
COMMENT ON FUNCTION scim.role_of(jsonb, text) IS 'What the list attributes.roles makes of a role: the primary known one, else the first; unknown ones alone leave it, none at all is GUEST';
CREATE OR REPLACE FUNCTION scim.refuse_account(new scim.account, old scim.account) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused text;
    rule text;
BEGIN
    CASE
        WHEN new.user_name IS DISTINCT FROM old.user_name AND NOT scim.is_identifier(new.user_name) THEN
            refused := 'user_name';
            rule := 'must not contain blanks or control, direction or invisible characters';
        WHEN new.display_name IS DISTINCT FROM old.display_name AND NOT scim.is_name(new.display_name) THEN
            refused := 'display_name';
            rule := 'must not be blank or contain control, direction or invisible characters';
        WHEN new.attributes IS DISTINCT FROM old.attributes AND NOT scim.is_readable(new.attributes) THEN
            refused := 'attributes';
            rule := 'must not have more than 16 levels, a member twice (whatever the case) or a number beyond 2^53';
        ELSE
            RETURN;
    END CASE;
    RAISE EXCEPTION '% %', refused, rule USING ERRCODE = 'check_violation',
        TABLE = 'account', SCHEMA = 'scim', COLUMN = refused, CONSTRAINT = 'account_' || refused;
END
$$;
COMMENT ON FUNCTION scim.refuse_account(scim.account, scim.account) IS 'Refuses an account with a name, or attributes, that nobody could read, where it did not have them before';
-- The module, which is the role scim, has looked at names and attributes already.
-- PostgreSQL prepares each expression anew in each transaction, so there are few.
CREATE OR REPLACE FUNCTION scim.account_before_write() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    roles jsonb;
BEGIN
    IF current_user <> 'scim' THEN
        PERFORM scim.refuse_account(NEW, CASE WHEN TG_OP = 'UPDATE' THEN OLD END);
    END IF;
    IF (jsonb_typeof(NEW.attributes -> 'roles') = 'array'
        AND scim.role_of(NEW.attributes -> 'roles', 'GUEST') = NEW.role) IS NOT TRUE
    THEN
        roles := NEW.attributes -> 'roles';
        IF jsonb_typeof(roles) = 'array'
           AND (TG_OP = 'INSERT' AND NEW.role = 'GUEST'
                OR TG_OP = 'UPDATE' AND NEW.role = OLD.role AND roles IS DISTINCT FROM OLD.attributes -> 'roles')
        THEN
            NEW.role := scim.role_of(roles, NEW.role);
        END IF;
        IF jsonb_typeof(roles) IS DISTINCT FROM 'array' OR scim.role_of(roles, 'GUEST') <> NEW.role THEN
            NEW.attributes := NEW.attributes || jsonb_build_object('roles',
                jsonb_build_array(jsonb_build_object('value', NEW.role, 'primary', true)));
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 millisecond');
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scim.account_before_write() IS 'Refuses names and attributes that nobody could read, keeps attributes.roles equal to role, and counts version and updated_at';
CREATE OR REPLACE TRIGGER account_before_write
    BEFORE INSERT OR UPDATE ON scim.account
    FOR EACH ROW EXECUTE FUNCTION scim.account_before_write();

-- Who writes accounts need not see tokens, so these two rules are the owner's.
-- A transaction with a snapshot of its own would not see a token that was
-- generated since, and the lock below would not stop it.
CREATE OR REPLACE FUNCTION scim.account_keep_token_issuer() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM scim.token t
               WHERE t.organization_id = OLD.organization_id AND t.issuer = OLD.id
                 AND (t.expires_at IS NULL OR t.expires_at > now()))
    THEN
        RAISE EXCEPTION 'account % has issued a SCIM token that is still valid', OLD.id
            USING ERRCODE = 'SC001',
                  HINT = 'Delete the token, or issue another one as another administrator first.';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.active AND OLD.role = 'ADMIN'
       AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
    THEN
        RAISE EXCEPTION 'account % may have issued a SCIM token that this transaction does not see', OLD.id
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Deactivate an ADMIN, or take the role away, in a transaction that is READ COMMITTED.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
REVOKE ALL ON FUNCTION scim.account_keep_token_issuer() FROM PUBLIC;
COMMENT ON FUNCTION scim.account_keep_token_issuer() IS 'An account with a live token stays an active ADMIN (SQLSTATE SC001)';
CREATE OR REPLACE TRIGGER account_keep_token_issuer_update
    BEFORE UPDATE ON scim.account FOR EACH ROW
    WHEN (OLD.active AND NOT NEW.active OR OLD.role = 'ADMIN' AND NEW.role <> 'ADMIN')
    EXECUTE FUNCTION scim.account_keep_token_issuer();
CREATE OR REPLACE TRIGGER account_keep_token_issuer_delete
    BEFORE DELETE ON scim.account FOR EACH ROW
    EXECUTE FUNCTION scim.account_keep_token_issuer();

-- FOR SHARE holds off a concurrent demotion until the token is visible.  A
-- token that an UPDATE leaves expired opens nothing.
CREATE OR REPLACE FUNCTION scim.token_needs_admin() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.expires_at <= now() THEN
        RETURN NEW;
    END IF;
    PERFORM FROM scim.account a
    WHERE a.organization_id = NEW.organization_id AND a.id = NEW.issuer
      AND a.active AND a.role = 'ADMIN'
    FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % cannot issue a SCIM token: it is not an active ADMIN', NEW.issuer
            USING ERRCODE = 'SC002';
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION scim.token_needs_admin() FROM PUBLIC;
COMMENT ON FUNCTION scim.token_needs_admin() IS 'A token is issued by an active ADMIN (SQLSTATE SC002)';
CREATE OR REPLACE TRIGGER token_needs_admin
    BEFORE INSERT OR UPDATE OF issuer, organization_id, expires_at ON scim.token
    FOR EACH ROW EXECUTE FUNCTION scim.token_needs_admin();

-- Revocation is a barrier.  Whatever is written in the name of a token has an
-- event, which looks at token and switch again; a revocation waits until those
-- who have looked are done, so that once it is acknowledged nothing follows.
-- Writers share a lock of their organization that a revocation takes alone.
-- Not row locks: who takes those alone is passed by those who share them, for
-- as long as they keep coming.
CREATE OR REPLACE FUNCTION scim.revocation_lock(organization_id uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended('mod_scim revocation ' || organization_id::text, 0);
COMMENT ON FUNCTION scim.revocation_lock(uuid) IS 'Key of the advisory lock that writers of an organization''s tokens share and revocations take alone';

CREATE SEQUENCE IF NOT EXISTS scim.revocation;
DO $$ BEGIN PERFORM nextval('scim.revocation'); END $$;    -- it has a value from now on
COMMENT ON SEQUENCE scim.revocation IS 'Counts revocations, so that who has looked at a token need not look again until there is one';

-- Two things in one trigger, because each costs as much to call as to do.
-- NOTIFY makes the commits of its transactions wait for one another, so a
-- session rings ten times a second at most; readers look again by themselves.
-- The statement's own snapshot may be older than the revocation that the lock
-- waited for; a query in a function has a new one.  Until it rings again, a session
-- remembers a token that it found good, with the number of revocations.
-- Events that come from a dump are of another transaction, and past.
-- It does not set search_path, which would be a third of its cost: none but the
-- module and the owner write events.
CREATE OR REPLACE FUNCTION scim.event_before_insert() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    by_token boolean;
    enabled boolean;
    expires timestamptz;
BEGIN
    -- Mostly there is nothing to do.  One expression, because each is prepared anew
    -- in each transaction.  The lock is taken before revocations are counted.
    IF clock_timestamp() < nullif(current_setting('scim.rings_at', true), '')::timestamptz
       AND (CASE WHEN NEW.actor_kind <> 'token' OR NEW.transaction_id <> pg_current_xact_id() THEN true
                 WHEN pg_advisory_xact_lock_shared(scim.revocation_lock(NEW.organization_id)) IS NOT NULL
                 THEN NEW.actor_id = nullif(current_setting('scim.good_token', true), '')::uuid
                      AND pg_sequence_last_value('scim.revocation') = current_setting('scim.revocations', true)::bigint END)
    THEN
        RETURN NEW;
    END IF;
    by_token := NEW.actor_kind = 'token' AND NEW.transaction_id = pg_current_xact_id();
    IF by_token THEN
        PERFORM pg_advisory_xact_lock_shared(scim.revocation_lock(NEW.organization_id));
        SELECT o.provisioning_enabled, t.expires_at INTO enabled, expires
        FROM scim.token t JOIN scim.organization o ON o.id = t.organization_id
        WHERE t.organization_id = NEW.organization_id AND t.id = NEW.actor_id
          AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp());
        IF NOT FOUND THEN
            RAISE EXCEPTION 'token % is not valid any more', NEW.actor_id USING ERRCODE = 'SC003';
        ELSIF NOT enabled THEN
            RAISE EXCEPTION 'provisioning is switched off for organization %', NEW.organization_id
                USING ERRCODE = 'SC004';
        END IF;
    END IF;
    IF (clock_timestamp() < nullif(current_setting('scim.rings_at', true), '')::timestamptz) IS NOT TRUE THEN
        PERFORM set_config('scim.rings_at', (clock_timestamp() + interval '100 milliseconds')::text, false), pg_notify('scim_event', '');
    END IF;
    IF by_token AND (expires < current_setting('scim.rings_at')::timestamptz) IS NOT TRUE THEN
        PERFORM set_config('scim.good_token', NEW.actor_id::text, false),
                set_config('scim.revocations', pg_sequence_last_value('scim.revocation')::text, false);
    ELSE
        PERFORM set_config('scim.good_token', '', false);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scim.event_before_insert() IS 'Tells those who LISTEN on scim_event that there are new events. Nothing is written in the name of a token that was deleted or has ended (SQLSTATE SC003) or while provisioning is switched off (SC004)';
CREATE OR REPLACE TRIGGER event_before_insert
    BEFORE INSERT ON scim.event FOR EACH ROW
    EXECUTE FUNCTION scim.event_before_insert();

CREATE OR REPLACE FUNCTION scim.revocation_waits() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'token' THEN
        PERFORM pg_advisory_xact_lock(scim.revocation_lock(OLD.organization_id));
    ELSE
        PERFORM pg_advisory_xact_lock(scim.revocation_lock(OLD.id));
    END IF;
    PERFORM nextval('scim.revocation');    -- before the lock is given up
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION scim.revocation_waits() IS 'Lets what a token is writing end before the token or the switch does';
CREATE OR REPLACE TRIGGER token_revocation_delete
    BEFORE DELETE ON scim.token FOR EACH ROW
    WHEN (OLD.expires_at IS NULL OR OLD.expires_at > now())
    EXECUTE FUNCTION scim.revocation_waits();
CREATE OR REPLACE TRIGGER token_revocation_update
    BEFORE UPDATE OF organization_id, id, hash, expires_at ON scim.token FOR EACH ROW
    EXECUTE FUNCTION scim.revocation_waits();
CREATE OR REPLACE TRIGGER organization_revocation
    BEFORE UPDATE OF provisioning_enabled ON scim.organization FOR EACH ROW
    WHEN (OLD.provisioning_enabled AND NOT NEW.provisioning_enabled)
    EXECUTE FUNCTION scim.revocation_waits();

-- Upgrade to version 5: keys are case-folded, not lower-cased.  Accounts that
-- are the same by the new key are listed, and then nothing at all is changed.
DO $$
DECLARE
    clash record;
    clashes integer := 0;
    unlike integer;
BEGIN
    IF EXISTS (SELECT FROM scim.schema_version WHERE version = 5) THEN
        RETURN;
    END IF;
    LOCK TABLE scim.account IN SHARE ROW EXCLUSIVE MODE;
    FOR clash IN
        SELECT o.key, string_agg(format('%s (%s)', a.user_name, a.id), ', ' ORDER BY a.created_at, a.id) AS accounts
        FROM scim.account a JOIN scim.organization o ON o.id = a.organization_id
        GROUP BY o.key, scim.user_name_key(a.user_name) HAVING count(*) > 1 ORDER BY o.key
    LOOP
        clashes := clashes + 1;
        RAISE WARNING 'Organization "%": these userNames are the same from now on: %', clash.key, clash.accounts;
    END LOOP;
    IF clashes > 0 THEN
        RAISE EXCEPTION 'Nothing was changed: % userName(s) would belong to more than one account', clashes
            USING HINT = 'Rename or delete the accounts in the warnings above until each userName is one account''s, then apply schema.sql again.';
    END IF;
    ALTER TABLE scim.account DISABLE TRIGGER account_before_write;
    UPDATE scim.account SET user_name = user_name WHERE user_name_key <> scim.user_name_key(user_name);
    ALTER TABLE scim.account ENABLE TRIGGER account_before_write;
    REINDEX INDEX scim.account_display_name;
    REINDEX INDEX scim.account_by_attribute;
    REINDEX INDEX scim.event_deleted;
    SELECT count(*) INTO unlike FROM scim.account
    WHERE NOT (scim.is_identifier(user_name) AND coalesce(scim.is_name(display_name), true) AND scim.is_readable(attributes));
    IF unlike > 0 THEN
        SET LOCAL client_min_messages = notice;
        RAISE NOTICE '% account(s) have names or attributes that could not be given today. They stay as they are; find them with: SELECT * FROM scim.account WHERE NOT (scim.is_identifier(user_name) AND coalesce(scim.is_name(display_name), true) AND scim.is_readable(attributes))', unlike;
    END IF;
    INSERT INTO scim.schema_version (version) VALUES (5);
END
$$;

-- Upgrade to version 6: the rules of accounts are in account_before_write, those of
-- events in event_before_insert.  An event does not lock the row of its
-- organization, which all writers would have to share.
DO $$
BEGIN
    IF EXISTS (SELECT FROM scim.schema_version WHERE version = 6) THEN
        RETURN;
    END IF;
    DROP TRIGGER IF EXISTS account_user_name_insert ON scim.account;
    DROP TRIGGER IF EXISTS account_user_name_update ON scim.account;
    DROP TRIGGER IF EXISTS account_display_name_insert ON scim.account;
    DROP TRIGGER IF EXISTS account_display_name_update ON scim.account;
    DROP TRIGGER IF EXISTS account_attributes_insert ON scim.account;
    DROP TRIGGER IF EXISTS account_attributes_update ON scim.account;
    DROP TRIGGER IF EXISTS event_ring ON scim.event;
    DROP FUNCTION IF EXISTS scim.event_ring();
    DROP TRIGGER IF EXISTS event_needs_live_token ON scim.event;
    DROP FUNCTION IF EXISTS scim.event_needs_live_token();
    ALTER TABLE scim.event DROP CONSTRAINT IF EXISTS event_organization_id_fkey;
    INSERT INTO scim.schema_version (version) VALUES (6);
END
$$;

-- What each role may do, of those that exist.  It is given anew each time, so what
-- else one of them was given here is taken away; who needs more gets it under
-- a name of his own.  Statements in scim_statements.h are run as scim.
-- Row level security would be a second wall between organizations, but behind it
-- PostgreSQL uses no index for what is not leakproof, as containment of jsonb is
-- not, and an eq filter would read and fold every row of the organization.
DO $$
DECLARE
    reader CONSTANT text[] := ARRAY[
        'SELECT ON scim.account, scim.event, scim.refusal, scim.relay, scim.schema_version',
        'SELECT (id, key, name, provisioning_enabled, domains, created_at) ON scim.organization',
        'SELECT (organization_id, id, issuer, name, prefix, created_at, expires_at, last_used_at) ON scim.token'];
    role record;
    privilege text;
BEGIN
    FOR role IN
        SELECT v.column1 AS name, ARRAY['USAGE ON SCHEMA scim'] || v.column2 AS privileges
        FROM (VALUES
            ('scim', ARRAY[
                'SELECT, UPDATE (provisioning_enabled) ON scim.organization',
                'SELECT, INSERT, UPDATE, DELETE ON scim.account',
                'SELECT, INSERT, DELETE, UPDATE (last_used_at) ON scim.token',
                'SELECT, INSERT (organization_id, account_id, kind, actor_kind, actor_id, actor_name, attributes, version, data) ON scim.event',
                'SELECT, INSERT, DELETE ON scim.refusal',
                'SELECT, INSERT, UPDATE ON scim.relay',
                'SELECT ON scim.schema_version',
                'USAGE, SELECT ON SEQUENCE scim.event_sequence_seq, scim.revocation']),
            ('scim_app', reader || 'INSERT, UPDATE, DELETE ON scim.account'::text),
            ('scim_reader', reader)) v
        JOIN pg_roles r ON r.rolname = v.column1
    LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA scim FROM %I', role.name);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA scim FROM %I', role.name);
        EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA scim FROM %I', role.name);
        FOREACH privilege IN ARRAY role.privileges LOOP
            EXECUTE format('GRANT %s TO %I', privilege, role.name);
        END LOOP;
    END LOOP;
END
$$;

COMMIT;

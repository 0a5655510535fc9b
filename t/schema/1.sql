-- mod_scim: the database.  PostgreSQL 15 or later, encoding UTF8, with ICU.
--
--   psql -v ON_ERROR_STOP=1 -f schema.sql
--
-- Applying it again is safe: it creates what is missing and keeps all rows.

BEGIN;

DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'mod_scim needs a database with encoding UTF8, this one has %',
            current_setting('server_encoding');
    END IF;
END
$$;

CREATE SCHEMA IF NOT EXISTS scim;
COMMENT ON SCHEMA scim IS 'Accounts provisioned by mod_scim (SCIM 2.0, RFC 7643 and 7644)';

CREATE TABLE IF NOT EXISTS scim.schema_version (
    version     integer PRIMARY KEY,
    applied_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE scim.schema_version IS 'Versions of schema.sql that were applied here; the highest is the current one';
COMMENT ON COLUMN scim.schema_version.version IS 'Number of the version';
COMMENT ON COLUMN scim.schema_version.applied_at IS 'When it was first applied';
INSERT INTO scim.schema_version (version) VALUES (1) ON CONFLICT DO NOTHING;

-- Comparison keys.  ICU and its root collation make them independent of the
-- cluster's locale; scim_text.c makes the same ones.  As long as characters as
-- bytes, a string is ASCII and needs none of the costly steps.

CREATE OR REPLACE FUNCTION scim.fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(value) = char_length(value)
           THEN lower(value COLLATE "C")
           ELSE normalize(lower(normalize(value, NFC) COLLATE "und-x-icu"), NFC) COLLATE "C"
           END;
COMMENT ON FUNCTION scim.fold(text) IS 'Comparison key of a string that ignores case and Unicode form (RFC 7643 section 2.2, caseExact false)';

CREATE OR REPLACE FUNCTION scim.user_name_key(user_name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(user_name) = char_length(user_name)
           THEN lower(user_name COLLATE "C")
           ELSE normalize(lower(normalize(user_name, NFKC) COLLATE "und-x-icu"), NFC) COLLATE "C"
           END;
COMMENT ON FUNCTION scim.user_name_key(text) IS 'Comparison key of a userName: as scim.fold, and full-width letters equal ordinary ones (RFC 8265 section 3.3)';

-- NFC and lower-casing never make or remove a quote, backslash or bracket, so
-- they can be applied to the JSON text as a whole.  The cost, and a language
-- that is not inlined, lead the planner to the index rather than to folding
-- every row.
CREATE OR REPLACE FUNCTION scim.fold_json(value jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT COST 1000 AS $$
BEGIN
    RETURN scim.fold(value::text)::jsonb;
END
$$;
COMMENT ON FUNCTION scim.fold_json(jsonb) IS 'The document with every name and string as its comparison key; indexed, so that containment answers every eq';

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
    ON scim.account (organization_id, external_id);
CREATE INDEX IF NOT EXISTS account_display_name
    ON scim.account (organization_id, scim.fold(display_name));
CREATE INDEX IF NOT EXISTS account_created
    ON scim.account (organization_id, created_at, id);
CREATE INDEX IF NOT EXISTS account_attributes
    ON scim.account USING gin (scim.fold_json(attributes) jsonb_path_ops);

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
    organization_id  uuid NOT NULL REFERENCES scim.organization,
    sequence         bigint GENERATED ALWAYS AS IDENTITY,
    transaction_id   xid8 NOT NULL DEFAULT pg_current_xact_id(),
    account_id       uuid NOT NULL,
    kind             text NOT NULL,
    actor_kind       text NOT NULL CHECK (actor_kind IN ('token', 'account', 'operator')),
    actor_id         uuid,
    actor_name       text NOT NULL,
    attributes       text[] NOT NULL DEFAULT '{}',
    version          bigint NOT NULL,
    occurred_at      timestamptz(3) NOT NULL DEFAULT now(),
    data             jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, sequence)
);
COMMENT ON TABLE scim.event IS 'One row an effective change, written in the transaction of the change: audit log and change feed';
COMMENT ON COLUMN scim.event.organization_id IS 'The organization';
COMMENT ON COLUMN scim.event.sequence IS 'Order in which changes were made; transactions may commit in another';
COMMENT ON COLUMN scim.event.transaction_id IS 'Transaction of the change: a reader stops before the oldest one still open';
COMMENT ON COLUMN scim.event.account_id IS 'The account, which may be gone';
COMMENT ON COLUMN scim.event.kind IS 'RFC 9967 event URI, or urn:mod_scim:event:role:guest for a downgrade to GUEST';
COMMENT ON COLUMN scim.event.actor_kind IS 'Who did it: a SCIM token, an administrator''s account, or the operator (scimctl)';
COMMENT ON COLUMN scim.event.actor_id IS 'Id of that token or account';
COMMENT ON COLUMN scim.event.actor_name IS 'Its name at that time';
COMMENT ON COLUMN scim.event.attributes IS 'Names of the attributes that changed';
COMMENT ON COLUMN scim.event.version IS 'Version of the account after the change';
COMMENT ON COLUMN scim.event.occurred_at IS 'When';
COMMENT ON COLUMN scim.event.data IS '{"before": {...}, "after": {...}}: the changed attributes';
CREATE INDEX IF NOT EXISTS event_account ON scim.event (organization_id, account_id, sequence);

-- The role column and attributes.roles say the same, whoever writes which.
-- SCIM keeps an empty list where a client wants no role at all (profile open).
CREATE OR REPLACE FUNCTION scim.account_before_write() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF NOT NEW.attributes ? 'roles'
       OR TG_OP = 'UPDATE' AND NEW.role <> OLD.role
          AND NEW.attributes -> 'roles' IS NOT DISTINCT FROM OLD.attributes -> 'roles'
    THEN
        NEW.attributes := NEW.attributes || jsonb_build_object('roles',
            jsonb_build_array(jsonb_build_object('value', NEW.role, 'primary', true)));
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 millisecond');
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scim.account_before_write() IS 'Keeps attributes.roles equal to role, and counts version and updated_at';
CREATE OR REPLACE TRIGGER account_before_write
    BEFORE INSERT OR UPDATE ON scim.account
    FOR EACH ROW EXECUTE FUNCTION scim.account_before_write();

CREATE OR REPLACE FUNCTION scim.account_keep_token_issuer() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM scim.token t
               WHERE t.organization_id = OLD.organization_id AND t.issuer = OLD.id
                 AND (t.expires_at IS NULL OR t.expires_at > now()))
    THEN
        RAISE EXCEPTION 'account % has issued a SCIM token that is still valid', OLD.id
            USING ERRCODE = 'SC001',
                  HINT = 'Delete the token, or issue another one as another administrator first.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION scim.account_keep_token_issuer() IS 'An account with a live token stays an active ADMIN (SQLSTATE SC001)';
CREATE OR REPLACE TRIGGER account_keep_token_issuer_update
    BEFORE UPDATE ON scim.account FOR EACH ROW
    WHEN (OLD.active AND NOT NEW.active OR OLD.role = 'ADMIN' AND NEW.role <> 'ADMIN')
    EXECUTE FUNCTION scim.account_keep_token_issuer();
CREATE OR REPLACE TRIGGER account_keep_token_issuer_delete
    BEFORE DELETE ON scim.account FOR EACH ROW
    EXECUTE FUNCTION scim.account_keep_token_issuer();

-- FOR SHARE holds off a concurrent demotion until the token is visible.
CREATE OR REPLACE FUNCTION scim.token_needs_admin() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
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
COMMENT ON FUNCTION scim.token_needs_admin() IS 'A token is issued by an active ADMIN (SQLSTATE SC002)';
CREATE OR REPLACE TRIGGER token_needs_admin
    BEFORE INSERT OR UPDATE OF issuer ON scim.token
    FOR EACH ROW EXECUTE FUNCTION scim.token_needs_admin();

COMMIT;

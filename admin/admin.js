// SPDX-License-Identifier: Apache-2.0
// The settings of an organization, on top of the JSON API beside this file.
// Text reaches the page as text nodes and attribute values alone.

let texts = {};
let templates = [];
let settings;

// Words

// The text in the administrator's language; {name} is replaced by a value.  The
// English text is its own key.
function t(english, values = {}) {
    return (texts[english] ?? english).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// A message of the server in the administrator's language, by the first template
// that fits.  In these, {NAME} is a part of the sentence, {name} a value.
function translated(message) {
    for (const [pattern, text] of templates) {
        const found = pattern.exec(message);
        if (found) {
            return text.replace(/\{(\w+)\}/g, (_, name) =>
                /[A-Z]/.test(name) ? translated(found.groups[name]) : found.groups[name]);
        }
    }
    return message;
}

function templatesOf(messages) {
    return Object.entries(messages).map(([english, text]) => [
        new RegExp(`^${english.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{(\w+)\}/g, '(?<$1>.*?)')}$`, 's'), text]);
}

function language() {
    const wanted = [settings?.administrator.language, ...navigator.languages].filter(Boolean);
    return /^ja\b/i.test(wanted[0] ?? '') ? 'ja' : 'en';
}

async function chooseLanguage() {
    const chosen = language();
    document.documentElement.lang = chosen;
    const { default: known = {}, messages = {} } = chosen === 'ja' ? await import('./ja.js') : {};
    texts = known;
    templates = templatesOf(messages);
}

function time(text) {
    return text ? new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' })
        .format(new Date(text)) : '';
}

// Elements

// h('a', {href, class, on: {click}}, ...children): an element; null children
// are left out.
function h(tag, { on = {}, ...attributes } = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value !== false && value != null) {
            element.setAttribute(name, value === true ? '' : value);
        }
    }
    for (const [event, listener] of Object.entries(on)) {
        element.addEventListener(event, listener);
    }
    element.append(...children.flat().filter(child => child != null));
    return element;
}

function button(text, listener, kind) {
    return h('button', { type: 'button', class: kind, on: { click: listener } }, text);
}

function badge(text, kind = '') {
    return h('span', { class: `badge ${kind}` }, text);
}

// A table that becomes a list where the window is narrow.  name: its class, by
// which the style sheet gives the columns their widths; rows: arrays of cells,
// the first one naming the row; a row may have a class.
function table(name, caption, heads, rows) {
    return h('table', { role: 'table', class: name, 'aria-label': caption },
        h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
            heads.map(head => h('th', { scope: 'col', role: 'columnheader' }, head)))),
        h('tbody', { role: 'rowgroup' }, rows.map(row => h('tr', { role: 'row', class: row.class },
            row.map((cell, i) => i === 0
                ? h('th', { scope: 'row', role: 'rowheader' }, cell)
                : h('td', { role: 'cell', 'data-label': heads[i] }, cell))))));
}

// In a dialog, the message must be within it: the page behind cannot be seen or heard.
function say(text, place = document) {
    const status = place.querySelector('[role=status]');
    status.textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { status.textContent = ''; }, 6000);
}

function copyField(label, value) {
    const input = h('input', { readonly: true, value, 'aria-label': label, on: { focus: () => input.select() } });
    const copy = button(t('Copy'), async () => {
        let copied = true;
        try {
            await navigator.clipboard.writeText(value);
        } catch {
            // Without TLS there is no clipboard API, but the selection can be copied.
            input.focus();
            copied = document.execCommand('copy');
            copy.focus();
        }
        say(copied ? t('Copied.') : t('Copying failed. Select the text and copy it yourself.'), copy.closest('dialog') ?? document);
    });
    copy.setAttribute('aria-label', `${t('Copy')}: ${label}`);
    return h('div', { class: 'copy' }, input, copy);
}

// The API

class Refused extends Error {
    constructor(message, field, status) {
        super(message);
        Object.assign(this, { field, status });
    }
}

async function api(path, method = 'GET', body = undefined) {
    let response;
    try {
        response = await fetch(`api/${path}`, {
            method, redirect: 'manual', cache: 'no-store',
            headers: body ? { 'Content-Type': 'application/json' } : {},
            body: body && JSON.stringify(body),
        });
    } catch {
        throw new Refused(t('The server cannot be reached. Please try again.'));
    }
    if (response.type === 'opaqueredirect' || response.status === 401) {
        throw new Refused(t('Your sign-in has ended. Reload the page to sign in again.'));
    }
    if (response.status === 204) {
        return null;
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) {
        throw new Refused(answer.message ? translated(answer.message) : t('The server could not do this. Please try again.'), answer.field, response.status);
    }
    return answer;
}

function query(parameters) {
    const given = Object.entries(parameters).filter(([, value]) => value);
    return given.length ? `?${new URLSearchParams(given)}` : '';
}

// Dialogs

// Ask in a dialog.  content: elements, some of which have a name; submit(elements)
// does the work.  Its refusal is shown at the field or at the end; an element that it
// returns is shown instead of the form.
function ask({ title, content = [], action, kind = 'main', submit }) {
    const problem = h('p', { class: 'error', role: 'alert' });
    const send = h('button', { class: kind }, action);
    const buttons = h('div', { class: 'buttons' }, button(t('Cancel'), () => dialog.close()), send);
    const form = h('form', { novalidate: true, on: { submit: sent } },
        h('h2', { id: 'dialog-title' }, title), content, problem, buttons);
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', on: { close: closed } }, form, h('p', { role: 'status' }));
    const opener = document.activeElement;

    // The button that opened the dialog may have been removed with its row.
    function closed() {
        dialog.remove();
        (opener.isConnected ? opener : document.querySelector('h1')).focus();
    }

    function showProblem(refusal) {
        const field = refusal.field && form.elements[refusal.field];
        problem.textContent = refusal.message;
        problem.id = 'dialog-problem';
        if (field) {
            field.setAttribute('aria-invalid', 'true');
            field.setAttribute('aria-describedby', 'dialog-problem');
            field.closest('label').after(problem);
            field.focus();
        }
    }

    async function sent(event) {
        event.preventDefault();
        for (const field of form.elements) {
            field.removeAttribute('aria-invalid');
        }
        buttons.before(problem);
        problem.textContent = '';
        send.disabled = true;
        try {
            const result = await submit(form.elements);
            if (result) {
                form.replaceChildren(h('h2', { id: 'dialog-title' }, title), result,
                    h('div', { class: 'buttons' }, button(t('Done'), () => dialog.close(), 'main')));
                form.querySelector('button').focus();
            } else {
                dialog.close();
            }
        } catch (refusal) {
            showProblem(refusal);
        } finally {
            send.disabled = false;
            if (dialog.open && !dialog.contains(document.activeElement)) {
                send.focus();
            }
        }
    }

    document.body.append(dialog);
    dialog.showModal();
    return dialog;
}

function field(label, input) {
    return h('label', { class: 'field' }, label, input);
}

function checkbox(name, label, checked) {
    return h('label', { class: 'field' }, h('input', { type: 'checkbox', name, checked }), label);
}

function select(name, label, choices, chosen) {
    return field(label, h('select', { name }, choices.map(([value, text]) =>
        h('option', { value, selected: value === (chosen ?? '') }, text))));
}

// User provisioning

function manage() {
    ask({
        title: t('Manage user provisioning'),
        content: [
            h('p', {}, t('While it is on, your identity provider creates, updates, deactivates and deletes the Managed Accounts of this organization.')),
            checkbox('enabled', t('Enable'), settings.enabled),
        ],
        action: t('Save'),
        submit: async ({ enabled }) => {
            settings = await api('settings', 'PUT', { enabled: enabled.checked });
            await show();
            say(settings.enabled ? t('User provisioning is on.') : t('User provisioning is off.'));
        },
    });
}

// The end of the day in a date field, null for none.
function lastMoment(day) {
    const end = new Date(`${day.value}T23:59:59`);
    if (day.validity.badInput || (day.value && isNaN(end))) {
        throw new Refused(t('This is not a date.'), day.name);
    }
    return day.value ? end.toISOString() : null;
}

function generate() {
    ask({
        title: t('Generate token'),
        content: [
            field(t('Name, for example that of the identity provider'), h('input', { name: 'name', autocomplete: 'off' })),
            field(t('Last day (empty: until it is deleted)'), h('input', { name: 'expires', type: 'date' })),
        ],
        action: t('Generate'),
        submit: async ({ name, expires }) => {
            const end = lastMoment(expires);
            const made = await api('tokens', 'POST', { name: name.value, expires: end });
            await show();
            return h('div', {}, h('p', { class: 'warn' }, t('Copy the token now. It will not be shown again.')),
                copyField(t('Token'), made.token));
        },
    });
}

function deleteToken(token) {
    ask({
        title: t('Delete token'),
        content: [h('p', {}, t('Delete the token “{name}” ({prefix}…)? The next request of the identity provider that uses it will be refused.', token))],
        action: t('Delete token'), kind: 'danger',
        submit: async () => {
            try {
                await api(`tokens/${token.id}`, 'DELETE');
            } finally {
                await show();
            }
            say(t('The token is deleted.'));
        },
    });
}

function isExpired(token) {
    return token.expires && new Date(token.expires) <= new Date();
}

// The next step, for administrators who are new here.
function nextStep(tokens) {
    const live = tokens.filter(token => !isExpired(token));
    if (!live.length) {
        return t('Generate a token for your identity provider.');
    }
    if (!settings.enabled) {
        return t('Select Manage to switch user provisioning on.');
    }
    if (!live.some(token => token.lastUsed)) {
        return t('Enter the SCIM URL and the token in your identity provider and test the connection there.');
    }
    return null;
}

function tokenRow(token) {
    return [
        isExpired(token) ? [token.name, ' ', badge(t('expired'), 'warn')] : token.name,
        h('code', { class: 'whole' }, `${token.prefix}…`),
        token.issuer,
        time(token.created),
        token.expires ? time(token.expires) : t('never'),
        token.lastUsed ? time(token.lastUsed) : t('never'),
        h('button', { type: 'button', 'aria-label': `${t('Delete token')}: ${token.name}`,
                      on: { click: () => deleteToken(token) } }, t('Delete token')),
    ];
}

function signInText() {
    if (settings.singleSignOn) {
        return t('You signed in by {way}: single sign-on protects this page.', { way: settings.singleSignOn });
    }
    return settings.singleSignOnRequired
        ? t('You did not sign in by single sign-on (SAML or OpenID Connect). Without it provisioning cannot be switched on.')
        : t('Single sign-on (SAML or OpenID Connect) does not protect this page.');
}

async function provisioningPage() {
    const [fresh, { tokens }] = await Promise.all([api('settings'), api('tokens')]);
    settings = fresh;
    const next = nextStep(tokens);
    return [
        h('h1', { tabindex: -1 }, t('User provisioning')),
        next && h('section', { class: 'next' }, h('h2', {}, t('Next step')), h('p', {}, next)),
        h('section', {},
            h('div', { class: 'row spread' },
                h('h2', {}, t('State'), ' ', settings.enabled ? badge(t('on'), 'good') : badge(t('off'), 'warn')),
                button(t('Manage'), manage)),
            h('p', {}, settings.enabled
                ? t('Your identity provider manages the accounts of this organization.')
                : t('Requests of your identity provider are refused.')),
            h('p', { class: settings.singleSignOn ? 'good' : 'warn' }, signInText())),
        h('section', {},
            h('h2', {}, t('SCIM URL')),
            copyField(t('SCIM URL'), settings.scimUrl),
            h('h2', {}, t('SCIM URL for Microsoft Entra ID')),
            copyField(t('SCIM URL for Microsoft Entra ID'), `${settings.scimUrl}?aadOptscim062020`),
            h('p', { class: 'soft' }, t('Use this one as Tenant URL in Entra ID: the flag makes Entra ID follow the SCIM standard in its requests. Use the URL above for other identity providers.'))),
        h('section', {},
            h('div', { class: 'row spread' }, h('h2', {}, t('Tokens')), button(t('Generate token'), generate)),
            tokens.length
                ? table('tokens', t('Tokens'), [t('Name'), t('Begins with'), t('Issuer'), t('Created'), t('Expires'), t('Last used'), t('Action')],
                    tokens.map(tokenRow))
                : h('p', {}, t('There is no token yet.')),
            h('p', { class: 'soft' }, t('Several tokens may be valid at the same time: generate the new one, enter it in the identity provider, then delete the old one. While a token is valid, its issuer stays an active administrator.'))),
    ];
}

// Members

const labels = () => [
    ['provisioned', t('Provisioned Managed Account')], ['managed', t('Managed Account')],
    ['ineligible', t('Managed Account, not eligible')], ['unmanaged', t('Unmanaged account')],
];
const roles = [['ADMIN', 'ADMIN'], ['USER', 'USER'], ['GUEST', 'GUEST']];
const labelText = label => labels().find(([value]) => value === label)[1];
const labelKind = { provisioned: 'good', ineligible: 'warn' };

function stateBadge(active) {
    return active ? badge(t('active'), 'good') : badge(t('inactive'), 'bad');
}

function countsLine({ seats, inactive, roles: byRole, labels: byLabel }) {
    const count = (text, number) => h('li', {}, h('b', {}, String(number)), ' ', text);
    return h('ul', { class: 'counts changes' },
        count(t('seats'), seats), roles.map(([role]) => count(role, byRole[role])),
        labels().filter(([label]) => byLabel[label]).map(([label, text]) => count(text, byLabel[label])),
        count(t('inactive (no seat)'), inactive));
}

// A form that shows new results with every choice.
function filters(content, changed) {
    const form = h('form', { class: 'row end filters', role: 'search', on: {
        submit: event => { event.preventDefault(); changed(new FormData(form)); },
        change: () => changed(new FormData(form)),
    } }, content, h('button', {}, t('Search')));
    return form;
}

function memberRow(member) {
    return [
        h('a', { href: `#/members/${member.id}` }, member.displayName || member.userName),
        member.email ?? '',
        member.role,
        stateBadge(member.active),
        badge(labelText(member.label), labelKind[member.label]),
    ];
}

// The choices on each page, for returning to it.
const remembered = {};

async function membersPage() {
    const result = h('div', {});
    const counts = h('div', {});
    const any = [['', t('all')]];
    let { chosen = {}, cursors = [''] } = remembered.members ?? {};
    let asked = 0;

    // Show the page at the last of the cursors.
    async function list(wanted) {
        const mine = ++asked;
        const page = await api(`members${query({ ...chosen, cursor: wanted.at(-1) })}`);
        if (mine !== asked) {
            return;
        }
        cursors = wanted;
        remembered.members = { chosen, cursors };
        const go = next => guarded(async () => { await list(next); document.querySelector('h1').focus(); });
        result.replaceChildren(
            page.members.length
                ? table('members', t('Members'), [t('Name'), t('E-mail'), t('Role'), t('State'), t('Label')], page.members.map(memberRow))
                : h('p', {}, t('No members found.')),
            h('div', { class: 'row' },
                cursors.length > 1 ? button(t('Previous page'), () => go(cursors.slice(0, -1))) : null,
                page.next ? button(t('Next page'), () => go([...cursors, page.next])) : null));
    }

    const form = filters([
        h('label', {}, t('Search: name or e-mail'), h('input', { name: 'search', type: 'search', maxlength: 60, value: chosen.search, 'aria-describedby': 'search-help' })),
        select('label', t('Label'), [...any, ...labels()], chosen.label),
        select('role', t('Role'), [...any, ...roles], chosen.role),
        select('active', t('State'), [...any, ['true', t('active')], ['false', t('inactive')]], chosen.active),
    ], data => {
        chosen = Object.fromEntries(data);
        guarded(() => list(['']));
    });
    await list(cursors);
    api('counts').then(found => counts.replaceChildren(countsLine(found))).catch(() => {});
    return [h('h1', { tabindex: -1 }, t('Members')), h('section', {}, counts, form,
        h('p', { class: 'soft', id: 'search-help' }, t('The search finds the beginning of a name or user name, and a whole family name, given name, e-mail address, external id or id.')), result)];
}

// One member

// The simple values of a resource by path.
function leaves(value, path = '') {
    if (value === null || typeof value !== 'object') {
        return [[path, String(value)]];
    }
    return Object.entries(value).flatMap(([name, part]) => {
        const at = Array.isArray(value) ? `${path}[${Number(name) + 1}]` : path ? `${path}.${name}` : name;
        return leaves(part, at.replace(/^urn:.*:User(?=\.|$)/, 'enterprise'));
    });
}

function edit(member) {
    ask({
        title: t('Edit {name}', { name: member.userName }),
        content: [
            member.label === 'provisioned'
                ? h('p', { class: 'warn' }, t('This account is provisioned: the next sync of your identity provider overwrites what you change here. Change it there, too.'))
                : null,
            field(t('Name'), h('input', { name: 'displayName', value: member.displayName ?? '' })),
            select('role', t('Role'), roles, member.role),
            checkbox('active', t('active'), member.active),
        ],
        action: t('Save'),
        submit: async ({ displayName, role, active }) => {
            const wanted = { displayName: displayName.value, role: role.value, active: active.checked };
            const changes = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== member[name]));
            if (Object.keys(changes).length) {
                await api(`members/${member.id}`, 'PATCH', changes);
            }
            await show();
            say(t('Saved.'));
        },
    });
}

async function makeEligible(member) {
    await api(`members/${member.id}`, 'PATCH', { eligible: true });
    await show();
    say(t('The account is eligible for provisioning.'));
}

const labelHelp = () => ({
    provisioned: t('Created or updated by your identity provider.'),
    managed: t('Managed by your organization; your identity provider has not changed it yet.'),
    ineligible: t('Your identity provider may not change this account yet. Make it eligible, or edit it, to allow this.'),
    unmanaged: t('Its owner administers this account. Neither you nor provisioning can change it.'),
});

async function memberPage(id) {
    const [member, history] = await Promise.all([api(`members/${id}`), activityList({ account: id })]);
    const { meta, schemas, ...rest } = member.user;
    const attributes = leaves(rest).sort(([a], [b]) => a.includes('.') - b.includes('.'));
    return [
        h('p', { class: 'up' }, h('a', { href: '#/members' }, `← ${t('Members')}`)),
        h('h1', { tabindex: -1 }, member.displayName || member.userName),
        h('section', {},
            h('div', { class: 'row spread' },
                h('div', { class: 'row' }, badge(member.role), stateBadge(member.active),
                    badge(labelText(member.label), labelKind[member.label])),
                h('div', { class: 'row' },
                    member.label === 'ineligible'
                        ? button(t('Make eligible'), () => guarded(() => makeEligible(member)), 'main') : null,
                    member.label !== 'unmanaged' ? button(t('Edit'), () => edit(member)) : null)),
            h('p', { class: 'soft' }, labelHelp()[member.label])),
        h('section', {}, h('h2', {}, t('Attributes')),
            table('attributes', t('Attributes'), [t('Attribute'), t('Value')], [
                ...attributes, ['meta.created', time(meta.created)], ['meta.lastModified', time(meta.lastModified)],
            ].map(([name, value]) => [h('code', {}, name), value]))),
        h('section', {}, h('h2', {}, t('History')), history),
    ];
}

// Activity

// Kinds of entries whose details are in another entry of the same change.
const DERIVED = ['activate', 'deactivate'];

function kindOf(entry) {
    return entry.kind?.replace(/^.*:event:(prov:)?/, '');
}

function whatHappened(entry) {
    if (entry.outcome === 'refused') {
        return badge(t('Refused ({status})', entry), 'bad');
    }
    const kind = kindOf(entry);
    const said = {
        'create:full': t('Created'), 'patch:full': t('Changed'), 'put:full': t('Replaced'), 'delete': t('Deleted'),
        'activate': t('Activated'), 'deactivate': t('Deactivated'),
        'role:admin': t('Made ADMIN'), 'role:user': t('Made USER'), 'role:guest': t('Downgraded to GUEST'),
        'account:eligible': t('Made eligible'), 'provisioning:enable': t('Provisioning switched on'),
        'provisioning:disable': t('Provisioning switched off'), 'token:generate': t('Token generated'),
        'token:delete': t('Token deleted'),
    };
    return badge(said[kind] ?? kind, kind === 'role:guest' ? 'warn' : '');
}

function valueText(value) {
    return value === undefined ? t('(nothing)') : String(value);
}

// The values of an attribute by path; a list of values is a single one.
function flat(resource, attribute) {
    const value = resource[attribute];
    if (Array.isArray(value) && value.every(part => part?.value !== undefined)) {
        return new Map([[attribute, value.map(part => part.value).join(', ')]]);
    }
    return parts(value, attribute);
}

function parts(value, attribute) {
    return new Map(value === undefined ? [] : leaves({ [attribute]: value }).filter(([path]) => !path.endsWith('$ref')));
}

// The lines of a changed attribute.  If its short form is the same, its parts differ.
function changeLines(attribute, before, after, isNew) {
    const differing = (old, now) => [...new Set([...old.keys(), ...now.keys()])].filter(path => old.get(path) !== now.get(path));
    let [old, now] = [flat(before, attribute), flat(after, attribute)];
    if (!differing(old, now).length) {
        [old, now] = [parts(before[attribute], attribute), parts(after[attribute], attribute)];
    }
    return differing(old, now).map(path => h('li', {}, h('b', {}, path), ': ',
        isNew ? '' : `${valueText(old.get(path))} → `, valueText(now.get(path))));
}

function changesOf(entry) {
    if (entry.outcome === 'refused') {
        return h('div', { class: 'changes' }, h('code', {}, `${entry.method} ${entry.path}`), h('br'), translated(entry.detail));
    }
    const kind = kindOf(entry);
    const { before = {}, after = {}, name } = entry.data ?? {};
    const attributes = kind?.startsWith('role:') ? ['roles'] : DERIVED.includes(kind) ? [] : entry.attributes ?? [];
    if (!attributes.length) {
        return name ?? '';
    }
    return h('ul', { class: 'changes' },
        attributes.flatMap(attribute => changeLines(attribute, before, after, kind === 'create:full')));
}

function actorText(entry) {
    const kinds = { token: t('token'), account: t('administrator'), operator: t('operator') };
    return `${entry.actor} (${kinds[entry.actorKind]})`;
}

function activityTable(entries, isFiltered) {
    if (!entries.length) {
        return h('p', {}, isFiltered ? t('No entries found. Search for an account by its whole e-mail address or its id.') : t('No activity yet.'));
    }
    return table('activity', t('Activity'), [t('Time'), t('What'), t('Account'), t('Details'), t('By')], entries.map(entry => {
        const row = [
            time(entry.at), whatHappened(entry),
            entry.accountId ? h('a', { href: `#/members/${entry.accountId}` }, entry.userName ?? entry.accountId) : entry.userName ?? '',
            changesOf(entry), actorText(entry),
        ];
        row.class = kindOf(entry) === 'role:guest' ? 'stands-out' : null;
        return row;
    }));
}

// The entries that the filters select, older ones on demand.
async function activityList(chosen) {
    const result = h('div', {});
    let entries = [];

    async function more(before) {
        const page = await api(`activity${query({ ...chosen, before })}`);
        entries = [...entries, ...page.entries];
        result.replaceChildren(activityTable(entries, Object.values(chosen).some(Boolean)),
            page.next ? button(t('Older entries'), () => guarded(() => more(page.next))) : '');
    }

    await more();
    return result;
}

async function activityPage() {
    const result = h('div', {});
    let chosen = remembered.activity ?? {};
    let asked = 0;

    async function list() {
        const mine = ++asked;
        const found = await activityList(chosen);
        if (mine === asked) {
            remembered.activity = chosen;
            result.replaceChildren(found);
        }
    }

    const form = filters([
        h('label', {}, t('Account: e-mail or id'), h('input', { name: 'account', type: 'search', value: chosen.account })),
        select('outcome', t('Outcome'), [['', t('all')], ['changed', t('changed')], ['refused', t('refused')],
            ['guest', t('downgraded to GUEST')]], chosen.outcome),
    ], data => {
        chosen = Object.fromEntries(data);
        guarded(() => list());
    });
    await list();
    return [
        h('h1', { tabindex: -1 }, t('Activity')),
        h('section', {},
            h('p', { class: 'soft' }, t('Changes by your identity provider and your administrators, and refused requests with the reason. The latest 1000 refused requests are kept for 30 days.')),
            form, result),
    ];
}

// Pages

const pages = [
    [/^#\/members\/([0-9a-f-]{36})$/, memberPage, '#/members'],
    [/^#\/members$/, membersPage, '#/members'],
    [/^#\/activity$/, activityPage, '#/activity'],
    [/^/, provisioningPage, '#/'],
];

function showHeader(current) {
    const link = (href, text) => h('a', { href, 'aria-current': href === current ? 'page' : null }, text);
    document.getElementById('header').replaceChildren(
        h('div', { class: 'who' },
            h('span', {}, t('Organization'), ' ', h('strong', {}, settings.organization)),
            h('span', {}, t('Signed in as {name}', { name: settings.administrator.userName }))),
        h('nav', { 'aria-label': t('Settings') },
            link('#/', t('User provisioning')), link('#/members', t('Members')), link('#/activity', t('Activity'))));
}

// Reloading does not help if something does not exist any more.
function problemBox(problem) {
    return h('p', { class: 'bad', role: 'alert' }, problem.message, ' ',
        problem.status === 404 ? h('a', { href: '#/members' }, t('Back to Members')) : button(t('Reload'), () => location.reload()));
}

async function guarded(work) {
    document.querySelectorAll('main > p.bad').forEach(old => old.remove());
    try {
        await work();
    } catch (problem) {
        document.getElementById('main').prepend(problemBox(problem));
    }
}

async function show() {
    const asked = location.hash;
    const [match, page, current] = pages.map(([pattern, ...rest]) => [location.hash.match(pattern), ...rest])
        .find(([found]) => found);
    showHeader(current);
    const content = await page(...match.slice(1));
    if (location.hash !== asked) {
        return;
    }
    document.getElementById('main').replaceChildren(...content.filter(Boolean));
    document.title = `${document.querySelector('h1').textContent} – ${settings.organization}`;
}

async function go() {
    const main = document.getElementById('main');
    try {
        await show();
    } catch (problem) {
        main.replaceChildren(h('h1', { tabindex: -1 }, t('Not available')), problemBox(problem));
    }
}

// A browser may keep the page for its button Back, even with a token that is shown
// only once, and after the sign-in has ended.
window.addEventListener('pagehide', () => {
    document.querySelectorAll('dialog').forEach(dialog => dialog.remove());
    document.getElementById('main').replaceChildren();
});
window.addEventListener('pageshow', event => {
    if (event.persisted) {
        location.reload();
    }
});

guarded(async () => {
    await chooseLanguage();
    settings = await api('settings');
    await chooseLanguage();
    window.addEventListener('hashchange', async () => { await go(); document.querySelector('h1').focus(); });
    await go();
});

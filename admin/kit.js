// SPDX-License-Identifier: Apache-2.0
// What the pages of the settings are made of: words in the administrator's
// language, elements, the API, dialogs, lists and problems.  Text reaches the page
// as text nodes and attribute values alone.

let texts = {};
let templates = [];

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

function language(preferred) {
    const wanted = [preferred, ...navigator.languages].filter(Boolean);
    return /^ja\b/i.test(wanted[0] ?? '') ? 'ja' : 'en';
}

// The page's language: preferred, if it is given, else the browser's.
async function chooseLanguage(preferred) {
    const chosen = language(preferred);
    document.documentElement.lang = chosen;
    const { default: known = {}, messages = {} } = chosen === 'ja' ? await import('./ja.js') : {};
    texts = known;
    templates = templatesOf(messages);
}

function time(text) {
    return text ? new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' })
        .format(new Date(text)) : '';
}

function numberText(value) {
    return new Intl.NumberFormat(document.documentElement.lang).format(value);
}

// A number that was counted only up to a bound.
function countText(count, isMore) {
    return isMore ? t('more than {count}', { count: numberText(count) }) : numberText(count);
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
    element.append(...children.flat(Infinity).filter(child => child != null));
    return element;
}

// While the listener is at work, the button does nothing.  It is not disabled, since
// it would lose the focus.
function button(text, listener, kind) {
    const element = h('button', { type: 'button', class: kind, on: { click: async () => {
        if (element.getAttribute('aria-disabled')) {
            return;
        }
        element.setAttribute('aria-disabled', 'true');
        try {
            await listener();
        } finally {
            element.removeAttribute('aria-disabled');
        }
    } } }, text);
    return element;
}

// Say that the element is busy as long as the work, a promise, takes.  If that is
// long, the style sheet shows it.
const works = new WeakMap();
async function whileBusy(element, work) {
    works.set(element, (works.get(element) ?? 0) + 1);
    element.setAttribute('aria-busy', 'true');
    try {
        return await work;
    } finally {
        works.set(element, works.get(element) - 1);
        if (!works.get(element)) {
            element.removeAttribute('aria-busy');
        }
    }
}

function badge(text, kind = '') {
    return h('span', { class: `badge ${kind}` }, text);
}

// An address that is broken before its @ rather than within a word.
function address(text) {
    const at = text?.lastIndexOf('@');
    return at > 0 ? [text.slice(0, at), h('wbr'), text.slice(at)] : text;
}

// A table that becomes a list where the window is narrow.  name: its class, by
// which the style sheet gives the columns their widths; heads: texts, or {text,
// content, sort: its aria-sort} (sortHead); rows: arrays of cells, the first one
// naming the row; a row may have a class.
function table(name, caption, heads, rows) {
    return h('table', { role: 'table', class: name, 'aria-label': caption },
        h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
            heads.map(head => h('th', { scope: 'col', role: 'columnheader', 'aria-sort': head.sort }, head.content ?? head)))),
        h('tbody', { role: 'rowgroup' }, rows.map(row => h('tr', { role: 'row', class: row.class },
            row.map((cell, i) => i === 0
                ? h('th', { scope: 'row', role: 'rowheader' }, cell)
                : h('td', { role: 'cell', 'data-label': heads[i].text ?? heads[i] }, cell))))));
}

// The head of a column by which the list is sorted when it is chosen: ascending, or
// the other way round if it is already.  order: ascending, descending, or undefined
// while the list is sorted by something else.  Where the window is narrow, heads are
// not seen, and the list is sorted by a field above it.
function sortHead(text, order, choose) {
    const arrow = { ascending: ' ▲', descending: ' ▼' }[order] ?? '';
    const turn = button([text, h('span', { 'aria-hidden': 'true' }, arrow)], () => choose(order === 'ascending' ? 'descending' : 'ascending'), 'sort');
    return { text, sort: order, content: [turn, h('span', { class: 'narrow' }, text)] };
}

// In a dialog, the message must be within it: the page behind cannot be seen or heard.
function say(text, dialog = null) {
    const status = dialog?.querySelector('[role=status]') ?? document.getElementById('status');
    status.textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { status.textContent = ''; }, 6000);
}

// A text with a button that copies it.  It is shown whole, in as many lines as it needs.
function copyField(label, value) {
    const input = copyInput(label, value, 1);
    return h('div', { class: 'copy' }, input, h('span', { class: 'printed' }, value), copyButton(label, value, input));
}

// A text that is shown only once: whole, and until it was copied, its dialog asks
// before it closes.
function secretField(label, value) {
    const input = copyInput(label, value, 2);
    return h('div', { class: 'copy secret' }, input, copyButton(label, value, input));
}

function copyInput(label, value, rows) {
    const input = h('textarea', { readonly: true, rows, spellcheck: 'false', 'aria-label': label });
    input.value = value;
    return input;
}

function copyButton(label, value, input) {
    const done = () => input.parentElement.classList.remove('secret');
    input.addEventListener('focus', () => input.select());
    input.addEventListener('copy', done);
    const copy = button(t('Copy'), async () => {
        let copied = true;
        try {
            await navigator.clipboard.writeText(value);
            done();
        } catch {
            // Without TLS there is no clipboard API, but the selection can be copied.
            input.focus();
            copied = document.execCommand('copy');
            copy.focus();
        }
        say(copied ? t('Copied.') : t('Copying failed. Select the text and copy it yourself.'), copy.closest('dialog'));
    });
    copy.setAttribute('aria-label', `${t('Copy')}: ${label}`);
    return copy;
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
        throw new Refused(t('Your sign-in has ended. Reload the page to sign in again.'), undefined, 401);
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

// The address

// What an address of the page asks for: {search: 'yamada', page: '2'} for
// #/members?search=yamada&page=2.
function addressState() {
    return Object.fromEntries(new URLSearchParams(location.hash.split('?')[1]));
}

// Replace what the address asks for, so that a reload, the button Back and a link
// that is sent show the same; empty values are left out.  Nothing is shown anew.
// An answer that comes when another page is shown does not write that one's address.
function setAddressState(page, state) {
    if (addressPage() === page) {
        history.replaceState(history.state, '', page + query(state));
    }
}

// The page of the address, such as #/members.
function addressPage() {
    return location.hash.split('?')[0] || '#/';
}

// Dialogs

// Ask in a dialog; without an action, tell.  content: elements, some of which have a name; submit(elements)
// does the work.  Its refusal is shown at the field or at the end; an element that it
// returns is shown instead of the form.  Whatever was entered is kept: who has to sign
// in again does so in another tab.
function ask({ title, content = [], action, kind = 'main', submit }) {
    const problem = h('div', { class: 'error', role: 'alert' });
    const send = action ? h('button', { class: kind }, action) : null;
    const cancel = button(send ? t('Cancel') : t('Close'), () => dialog.close());
    const buttons = h('div', { class: 'buttons' }, cancel, send);
    const form = h('form', { novalidate: true, on: { submit: sent } },
        h('h2', { id: 'dialog-title' }, title), content, problem, buttons);
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', on: { close: closed, cancel: event => mayClose() || event.preventDefault() } },
        form, h('p', { role: 'status' }));
    const opener = document.activeElement;
    let isStale = false;
    let wasWarned = false;

    // The button that opened the dialog may have been removed with its row.
    function closed() {
        dialog.remove();
        (opener.isConnected ? opener : document.querySelector('h1')).focus();
        if (isStale) {
            document.dispatchEvent(new Event('stale'));
        }
    }

    // What is shown only once does not go without a question.
    function mayClose() {
        const secret = dialog.querySelector('.secret');
        if (!secret || wasWarned) {
            return true;
        }
        wasWarned = true;
        secret.after(problem);
        problem.replaceChildren(t('The token cannot be shown again. Copy it, or close the dialog once more if you do not need it.'));
        secret.querySelector('button').focus();
        return false;
    }

    function showProblem(refusal) {
        const field = refusal.field && form.elements[refusal.field];
        problem.replaceChildren(refusal.message);
        problem.id = 'dialog-problem';
        if (field) {
            field.setAttribute('aria-invalid', 'true');
            field.setAttribute('aria-describedby', 'dialog-problem');
            field.closest('label').after(problem);
            field.focus();
        }
        if (refusal.status === 401) {
            problem.append(' ', h('a', { href: location.pathname, target: '_blank' }, t('Or sign in again in a new tab, then repeat this here.')));
        }
        // What is gone cannot be changed, however often one tries.
        if (refusal.status === 404) {
            isStale = true;
            send.remove();
            cancel.textContent = t('Close');
            cancel.focus();
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
            const result = await whileBusy(dialog, submit(form.elements));
            if (result) {
                const close = button(t('Done'), () => mayClose() && dialog.close(), 'main');
                form.replaceChildren(h('h2', { id: 'dialog-title' }, title), result, h('div', { class: 'buttons' }, close));
                (result.querySelector('button') ?? close).focus();
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

// Lists

function stateBadge(active) {
    return active ? badge(t('active'), 'good') : badge(t('inactive'), 'bad');
}

// A form that shows new results with every choice.
function filters(content, changed) {
    const form = h('form', { class: 'row end filters', role: 'search', on: {
        submit: event => { event.preventDefault(); changed(new FormData(form)); },
        change: () => changed(new FormData(form)),
    } }, content, h('button', {}, t('Search')));
    return form;
}

// The choices on each page, for returning to it.
const remembered = {};

// A list that is shown page by page: load(cursor) asks for a page, draw(page) makes
// an element of it.  After a change of the page the heading has the focus, or that
// of the whole page.  place keeps the cursors of this page and of those before it.
async function paged(load, draw, heading, place = {}) {
    const result = h('div', {});
    let asked = 0;

    // Show the page at the last of the cursors.
    async function list(cursors) {
        const mine = ++asked;
        const page = await whileBusy(result, load(cursors.at(-1)));
        if (mine !== asked) {
            return;
        }
        place.cursors = cursors;
        const go = next => guarded(async () => { await list(next); (heading ?? document.querySelector('h1')).focus(); });
        result.replaceChildren(draw(page),
            h('div', { class: 'row' },
                cursors.length > 1 ? button(t('Previous page'), () => go(cursors.slice(0, -1))) : null,
                page.next ? button(t('Next page'), () => go([...cursors, page.next])) : null));
    }

    await list(place.cursors ?? ['']);
    return result;
}

// The heading of a list in a section.
function listHeading(text) {
    return h('h2', { tabindex: -1 }, text);
}

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

// Entries and tokens

// The kind of an event without what they all begin with.
function kindOf(entry) {
    return entry.kind?.replace(/^.*:event:(prov:)?/, '');
}

function isLive({ state }) {
    return state === 'valid' || state === 'ending';
}

// Of a token that is used although it has ended.
function inVainText(token) {
    const values = { ...token, time: time(token.refused) };
    return token.deleted
        ? t('Your identity provider still uses the deleted token “{name}” ({prefix}…), last at {time}, and is refused. Generate a new token and enter it there.', values)
        : t('Your identity provider still uses the expired token “{name}” ({prefix}…), last at {time}, and is refused. Generate a new token and enter it there.', values);
}

// Attributes

// Attributes of a User in words; elements of a list are "E-mail 2, type".
const attributeWords = () => ({
    id: t('Id'), externalId: t('External id'), userName: t('User name'), displayName: t('Name'), nickName: t('Nickname'),
    'name.givenName': t('Given name'), 'name.familyName': t('Family name'), 'name.middleName': t('Middle name'),
    'name.formatted': t('Full name'), title: t('Title'), userType: t('User type'), active: t('State'),
    preferredLanguage: t('Language'), locale: t('Locale'), timezone: t('Time zone'), profileUrl: t('Profile'),
    emails: t('E-mail'), phoneNumbers: t('Phone'), addresses: t('Address'), roles: t('Role'),
    'enterprise.department': t('Department'), 'enterprise.division': t('Division'), 'enterprise.organization': t('Company'),
    'enterprise.costCenter': t('Cost center'), 'enterprise.employeeNumber': t('Employee number'), 'enterprise.manager': t('Manager'),
    'meta.created': t('Created'), 'meta.lastModified': t('Last change'),
    guardNumber: t('Accounts an hour'), guardPercent: t('Percentage of the active accounts an hour'), openUntil: t('Let through until'),
    type: t('type'), primary: t('primary'), display: t('display name'), country: t('country'), formatted: t('as a whole'),
    locality: t('city'), postalCode: t('postal code'), region: t('region'), streetAddress: t('street'),
});

function attributeText(path) {
    const words = attributeWords();
    const [, list, number, part] = /^(\w+)\[(\d+)\](?:\.(\w+))?$/.exec(path) ?? [];
    if (!list) {
        return words[path] ?? path;
    }
    return [`${words[list] ?? list}${number === '1' ? '' : ` ${number}`}`, part === 'value' ? null : words[part] ?? part].filter(Boolean).join(', ');
}

// The value of an attribute in words.
function valueText(path, value) {
    const text = String(value ?? t('(nothing)'));
    return path === 'active' ? { true: t('active'), false: t('inactive') }[text] ?? text : text;
}

// Accounts

const labels = () => [
    ['provisioned', t('Provisioned Managed Account')], ['managed', t('Managed Account')],
    ['ineligible', t('Managed Account, not eligible')], ['unmanaged', t('Unmanaged account')],
];
const labelText = label => labels().find(([value]) => value === label)[1];

// What the kind of an account means, and who can do what about it.
const labelHelp = () => ({
    provisioned: t('Created or updated by your identity provider.'),
    managed: t('Managed by your organization; your identity provider has not changed it yet.'),
    ineligible: t('Your identity provider may not change this account yet. Make it eligible, or edit it, on its page to allow this.'),
    unmanaged: t('Its owner administers this account: neither you nor provisioning can change it. If the owner agrees, whoever runs this server can make it a Managed Account.'),
});

// Problems

// Reloading does not help if something does not exist any more.
function problemBox(problem) {
    const back = () => location.hash.startsWith('#/groups')
        ? h('a', { href: '#/groups' }, t('Back to Groups')) : h('a', { href: '#/members' }, t('Back to Members'));
    return h('p', { class: 'bad', role: 'alert' }, problem.message, ' ',
        problem.status === 404 ? back() : button(t('Reload'), () => location.reload()));
}

async function guarded(work) {
    const page = addressPage();
    document.querySelectorAll('main > p[role=alert]').forEach(old => old.remove());
    try {
        await work();
    } catch (problem) {
        if (addressPage() === page) {
            document.getElementById('main').prepend(problemBox(problem));
        }
    }
}

// Somebody by name; people of the same name have different user names.
function personText({ displayName, userName }) {
    return displayName && userName && displayName !== userName ? `${displayName} (${userName})` : userName ?? displayName ?? '';
}

// A name, and what somebody was called before.
function withFormer(text, former) {
    return former ? t('{name}, formerly {former}', { name: text, former }) : text;
}

// A text for comparisons: case and width do not matter.
function plain(text) {
    return text.normalize('NFKC').toLowerCase();
}

export {
    Refused, address, addressPage, addressState, api, ask, attributeText, badge, button, checkbox, chooseLanguage, copyField, countText,
    field, filters, guarded, h, inVainText, isLive, kindOf, labelHelp, labelText, labels, leaves, listHeading, numberText, paged, personText, plain, problemBox, query, remembered, say,
    secretField, select, setAddressState, sortHead, stateBadge, t, table, time, translated, valueText, whileBusy, withFormer,
};

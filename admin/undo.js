// SPDX-License-Identifier: Apache-2.0
// Undo: accounts and groups become what they were before a change, or before those
// that a filter shows.  The server works page by page, and the dialog goes on for as
// long as it is open.
import {
    api, ask, attributeText, badge, button, field, h, kindOf, leaves, numberText, t, table, time, translated, valueText,
} from './kit.js';

// The words that the server knows, and those of the filter of Activity.
const KINDS = ['create', 'change', 'delete', 'activate', 'deactivate', 'role', 'group'];
const UNDOABLE = /^(create:full|patch:full|put:full|delete|activate|deactivate|role:\w+)$/;
const NEVER = ['refused', 'warning', 'account', 'token', 'organization', 'guard'];
const SHOWN = 100;

function kindWord(kind) {
    return KINDS.find(word => kind === word || kind === `${word}d`);
}

function actionText(entry) {
    return { create: t('Comes back'), delete: t('Is deleted'), change: t('Becomes as before') }[entry.action];
}

function leftText({ reason, actor, at, detail }) {
    return {
        changed: t('changed since by {actor}, {at}', { actor, at: time(at) }),
        unrecorded: t('changed since without an entry here'),
        erased: t('personal data was erased'),
        taken: t('its name is taken'),
    }[reason] ?? translated(detail);
}

function valueLines(entry) {
    const line = (name, text) => h('li', {}, h('b', {}, name), ': ', text);
    const numbers = [['added', t('members added')], ['removed', t('members removed')], ['groups', t('groups joined')]];
    return h('ul', { class: 'changes' },
        Object.entries(entry.set ?? {}).flatMap(([name, value]) => leaves({ [name]: value })
            .filter(([path]) => !path.endsWith('$ref'))
            .map(([path, text]) => line(attributeText(path), valueText(path, value === null ? null : text)))),
        numbers.filter(([name]) => entry[name]).map(([name, text]) => line(text, numberText(entry[name]))));
}

function nameOf(entry) {
    const name = entry.name ?? entry.id;
    return entry.resourceType === 'Group' ? [badge(t('Group')), ' ', name] : name;
}

// What was done, or would be, with the first of the accounts and groups.
function summary(found, isDry) {
    const values = { undone: numberText(found.undone), left: numberText(found.left) };
    const rows = found.resources.map(entry => [nameOf(entry), entry.left
        ? [badge(t('Left'), 'warn'), ' ', leftText(entry.left)] : [actionText(entry), valueLines(entry)]]);
    const more = found.undone + found.left - rows.length;
    return h('div', {},
        h('p', {}, !found.undone && !found.left ? t('There is nothing to undo.')
            : isDry ? t('Accounts and groups that would be as before: {undone}. Left as they are: {left}.', values)
                : t('Accounts and groups that are as before: {undone}. Left as they are: {left}.', values)),
        rows.length ? table('undo', t('Accounts and groups'), [t('Account or group'), t('What')], rows) : null,
        more > 0 ? h('p', { class: 'soft' }, t('and {count} more', { count: numberText(more) })) : null);
}

// Page after page, until the end or until the dialog is closed.  Those that are left
// are shown first.
async function undoAll(filter, dryRun, dialog, progress) {
    const found = { undone: 0, left: 0, resources: [], until: filter.until };
    let after;
    do {
        const page = await api('undo', 'POST', { ...filter, until: found.until, dryRun, after });
        for (const entry of page.resources) {
            found[entry.left ? 'left' : 'undone'] += 1;
            found.resources.push(entry);
        }
        found.resources.sort((a, b) => Boolean(b.left) - Boolean(a.left)).splice(SHOWN);
        found.until = page.until;
        after = page.next;
        progress.textContent = t('{count} so far', { count: numberText(found.undone + found.left) });
    } while (after && dialog.open);
    return found;
}

// Show what undoing would do, and do it if that is wanted.
async function openUndo(title, filter) {
    const progress = h('p', { class: 'soft' });
    const preview = h('div', { 'aria-live': 'polite' }, h('p', {}, t('Looking at what would change.')));
    let chosen = filter;
    let isChanged = false;
    const dialog = ask({
        title, content: [preview, progress], action: t('Undo'), kind: 'danger',
        submit: async () => {
            isChanged = true;
            preview.replaceChildren(h('p', {}, t('Undoing. If you close this, the rest stays as it is.')));
            return summary(await undoAll(chosen, false, dialog, progress));
        },
    });
    const send = dialog.querySelector('.buttons button:last-child');
    dialog.addEventListener('close', () => {
        if (isChanged) {
            document.dispatchEvent(new Event('stale'));
        }
    });
    send.disabled = true;
    try {
        const found = await undoAll(filter, true, dialog, progress);
        chosen = { ...filter, until: found.until };
        preview.replaceChildren(summary(found, true));
        send.disabled = !found.undone;
    } catch (problem) {
        preview.replaceChildren(h('p', { class: 'error', role: 'alert' }, problem.message));
    }
    progress.textContent = '';
}

// The button of one entry of Activity, or who has undone it; null if it cannot be undone.
function undoEntry(entry) {
    if (entry.undone) {
        return h('p', { class: 'soft' }, t('Undone by {actor}, {at}', { ...entry.undone, at: time(entry.undone.at) }));
    }
    if (entry.outcome !== 'changed' || !entry.resourceId || !UNDOABLE.test(kindOf(entry))) {
        return null;
    }
    const undo = button(t('Undo'), () => openUndo(t('Undo this change'), { sequence: entry.sequence }), 'small');
    undo.setAttribute('aria-label', `${t('Undo')}: ${entry.displayName ?? entry.userName ?? entry.resourceId}, ${time(entry.at)}`);
    return undo;
}

// The one of names that Activity finds by a part of it; undefined: none, or several.
function nameMeant(part, names) {
    const wanted = part.toLowerCase();
    const found = names.filter(name => name.toLowerCase().includes(wanted));
    return names.find(name => name.toLowerCase() === wanted) ?? (found.length === 1 ? found[0] : undefined);
}

// The button for what the filter shows: chosen() is {since, until, actor, kind,
// account}, actors has the names of all who have changed anything, and subjects()
// those whom the account means.  Without a time or an account, it asks since when.
// null: what is shown is of a kind that is never undone.
function undoShown(chosen, { actors, subjects }) {
    return NEVER.includes(chosen().kind) ? null : button(t('Undo what is shown'), () => {
        const { since, until, ...shown } = chosen();
        const kind = shown.kind && kindWord(shown.kind);
        const actor = shown.actor && nameMeant(shown.actor, actors);
        const account = shown.account && subjects().length === 1 ? subjects()[0].id : undefined;
        const filter = Object.fromEntries(Object.entries({ since, until, actor, kind, account }).filter(([, value]) => value));
        const title = t('Undo what is shown');
        if (shown.kind && !kind || shown.actor && !actor || shown.account && !account) {
            ask({ title, content: [h('p', {}, t('These entries cannot be undone together. Choose others, or undo them one by one.'))] });
        } else if (since || account) {
            openUndo(title, filter);
        } else {
            ask({ title, action: t('Preview'),
                content: [h('p', {}, t('Changes from this time on are undone, in the order in which they were made, the last one first.')),
                    field(t('Since'), h('input', { name: 'since', type: 'datetime-local', required: true }))],
                submit: ({ since: { value } }) => {
                    setTimeout(() => openUndo(title, { ...filter, since: value && new Date(value).toISOString() }));
                } });
        }
    });
}

export { undoEntry, undoShown };

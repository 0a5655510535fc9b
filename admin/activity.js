// SPDX-License-Identifier: Apache-2.0
// Activity: what happened in the organization, or to one account or group.
import {
    address, addressState, api, attributeText, badge, button, filters, guarded, h, kindOf, leaves, numberText, personText, plain, query, select,
    setAddressState, t, table, time, translated, valueText, whileBusy, withFormer,
} from './kit.js';
import { undoEntry, undoShown } from './undo.js';

// Kinds of entries whose details are in another entry of the same change.
const DERIVED = ['activate', 'deactivate'];

function whatHappened(entry) {
    if (entry.outcome === 'warning') {
        return badge(t('Warning'), 'warn');
    }
    if (entry.outcome === 'refused') {
        return badge(t('Refused ({status})', entry), 'bad');
    }
    const kind = kindOf(entry);
    const said = {
        'create:full': t('Created'), 'patch:full': t('Changed'), 'put:full': t('Replaced'), 'delete': t('Deleted'),
        'activate': t('Activated'), 'deactivate': t('Deactivated'),
        'role:admin': t('Made ADMIN'), 'role:user': t('Made USER'), 'role:guest': t('Downgraded to GUEST'),
        'account:eligible': t('Made eligible'), 'account:forget': t('Personal data erased'),
        'provisioning:enable': t('Provisioning switched on'),
        'provisioning:disable': t('Provisioning switched off'),
        'provisioning:pause': t('Provisioning paused'), 'provisioning:resume': t('Provisioning resumed'),
        'token:generate': t('Token generated'), 'token:delete': t('Token deleted'),
        'token:expiring': t('Token ends soon'),
        'guard:trip': t('Safety limit reached'), 'guard:open': t('Let through for two hours'),
        'guard:change': t('Safety limit changed'), 'organization:change': t('Organization changed'),
        'organization:import': t('Organization imported'), 'organization:delete': t('Organization deleted'),
        'organization:move': t('Organization moves'),
    };
    const what = badge(said[kind] ?? kind, kind === 'role:guest' ? 'warn' : kind === 'guard:trip' ? 'bad' : '');
    const undone = entry.data?.undoes;
    return undone ? [what, ' ', badge(t('{count} undone', { count: numberText(undone) }), 'good')] : what;
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
    return differing(old, now).map(path => h('li', {}, h('b', { title: path }, attributeText(path)), ': ',
        isNew ? '' : `${valueText(path, old.get(path))} → `, valueText(path, now.get(path))));
}

// How many members a change of a group has added and removed, and the first names.
function memberLines({ added, removed, members }) {
    const line = (text, part) => {
        const more = part.count - part.names.length;
        const names = part.names.join(', ');
        return h('li', {}, h('b', {}, text), ': ', more ? t('{names} and {count} more', { names, count: numberText(more) }) : names);
    };
    return [
        added?.count ? line(t('{count} added', { count: numberText(added.count) }), added) : null,
        removed?.count ? line(t('{count} removed', { count: numberText(removed.count) }), removed) : null,
        members ? h('li', {}, t('Members that it had: {count}', { count: numberText(members) })) : null,
    ].filter(Boolean);
}

function tripText({ guarded, limit }) {
    return guarded === 'members' ? t('More removals from groups than the limit of {limit} in an hour', { limit: numberText(limit) })
        : t('More deactivations, deletions or downgrades than the limit of {limit} in an hour', { limit: numberText(limit) });
}

function changesOf(entry) {
    if (entry.detail) {
        return h('div', { class: 'changes' }, h('code', {}, `${entry.method} ${entry.path}`), h('br'), translated(entry.detail));
    }
    const kind = kindOf(entry);
    const { before = {}, after = {}, name } = entry.data ?? {};
    const attributes = kind?.startsWith('role:') ? ['roles'] : DERIVED.includes(kind) ? [] : entry.attributes ?? [];
    if (kind === 'guard:trip') {
        return tripText(entry.data);
    }
    if (!attributes.length) {
        return name ?? '';
    }
    return h('ul', { class: 'changes' },
        attributes.flatMap(attribute => changeLines(attribute, before, after, kind === 'create:full')),
        entry.resourceType === 'Group' ? memberLines(entry.data) : []);
}

function subjectOf(entry) {
    const link = (to, id, name) => id ? h('a', { href: `#/${to}/${id}` }, address(name ?? id)) : name ?? '';
    return entry.resourceType === 'Group'
        ? [badge(t('Group')), ' ', link('groups', entry.resourceId, entry.displayName)]
        : link('members', entry.accountId, entry.accountId ? entry.userName : personText(entry));
}

function actorText(entry) {
    const kinds = { token: t('token'), account: t('administrator'), operator: t('operator') };
    return `${entry.actor} (${kinds[entry.actorKind]})`;
}

function activityTable(entries, none) {
    if (!entries.length) {
        return h('p', {}, none);
    }
    return table('activity', t('Activity'), [t('Time'), t('What'), t('Account or group'), t('Details'), t('By')], entries.map(entry => {
        const row = [
            time(entry.at), whatHappened(entry), subjectOf(entry), [changesOf(entry), undoEntry(entry)], actorText(entry),
        ];
        row.class = kindOf(entry) === 'role:guest' ? 'stands-out' : null;
        return row;
    }));
}

// Lists

const ENTRIES = 50;      // of a page
const ROUNDS = 10;       // answers for one page: each searches only so many events

// A page of the entries that the filter chooses, before the sequence.
async function load(chosen, before) {
    const entries = [];
    let page;
    let rounds = 0;
    do {
        page = await api(`activity${query({ ...chosen, before, count: ENTRIES - entries.length })}`);
        entries.push(...page.entries);
        before = page.next;
    } while (page.searchedTo && entries.length < ENTRIES && ++rounds < ROUNDS);
    return { ...page, entries };
}

// The entries that the filter chooses, page by page, the latest first.  before: where
// to begin; moved(before) is told where another page begins; above(page) makes what
// stands above the entries; none says that there are none.
async function activityList(chosen, { before = '', moved = () => {}, above = () => null, none = t('No activity yet.') } = {}) {
    const result = h('div', {});
    let asked = 0;

    // The page before the last of these sequences; those of newer pages are before it.
    async function show(places) {
        const mine = ++asked;
        const page = await whileBusy(result, load(chosen, places.at(-1)));
        if (mine === asked) {
            draw(page, places);
        }
    }

    function draw(page, places) {
        const go = next => guarded(async () => {
            await show(next);
            moved(next.at(-1));
            (result.closest('section')?.querySelector('h2') ?? document.querySelector('h1')).focus();
        });
        const missing = page.searchedTo ? t('Nothing was found since {time}.', { time: time(page.searchedTo) }) : none;
        result.replaceChildren(...[above(page), activityTable(page.entries, missing),
            h('div', { class: 'row' },
                places.length > 1 ? button(t('Newer entries'), () => go(places.slice(0, -1)))
                    : places[0] ? button(t('Latest entries'), () => go([''])) : null,
                page.next ? button(page.searchedTo ? t('Search further back') : t('Older entries'), () => go([...places, page.next])) : null),
        ].filter(Boolean));
    }

    await show([before]);
    return result;
}

// The page

const DAY = 24 * 60 * 60 * 1000;

// What the address asks for as the filter of the API: days are those of the browser,
// and the last one is searched to its end.
function filterOf({ account, actor, kind, since, until, last }) {
    const instant = (day, days) => {
        const date = new Date(`${day}T00:00:00`);
        date.setDate(date.getDate() + days);
        return Number.isNaN(date.valueOf()) ? day : date.toISOString();
    };
    return {
        account, actor, kind,
        since: last > 0 ? new Date(Date.now() - last * DAY).toISOString() : since && instant(since, 0),
        until: until && instant(until, 1),
    };
}

const kindChoices = () => [
    ['', t('all')], ['created', t('Created')], ['changed', t('Changed')], ['deleted', t('Deleted')],
    ['activated', t('Activated')], ['deactivated', t('Deactivated')], ['role', t('Role')],
    ['guest', t('Downgraded to GUEST')], ['group', t('Group')], ['account', t('Account')], ['token', t('Token')],
    ['organization', t('Organization')], ['guard', t('Safety limit')], ['refused', t('Refused')], ['warning', t('Warning')],
];

// The old names by which the text has found accounts that have others now, by id: those
// that the answer says, and those that the entries have of people who are still
// found by a part of what they were called, such as the family name.
function formerNames({ subjects = [], entries = [] }, text) {
    const words = plain(text).split(/[\s.@_-]+/);
    const has = (...names) => words.every(word => plain(names.join(' ')).includes(word));
    const former = new Map();
    for (const { id, type, name, displayName, formerly } of subjects) {
        const isDeleted = entries.some(entry => entry.accountId === id && kindOf(entry) === 'delete');
        const change = formerly || type !== 'User' || isDeleted || has(displayName, name) ? null : entries.find(({ accountId, data }) =>
            accountId === id && has(data?.before?.displayName, data?.before?.userName));
        const { displayName: old, userName } = change?.data.before ?? {};
        const known = formerly ?? (old && has(old) ? old : userName ?? old);
        if (known) {
            former.set(id, known);
        }
    }
    return former;
}

// Whom the text in the filter means; if there are several, each can be seen alone.
function subjectsFound(page, state) {
    const { subjects = [], moreSubjects } = page;
    const former = formerNames(page, state.account ?? '');
    const nameOf = ({ id, name, displayName }) => withFormer(personText({ userName: name, displayName }), former.get(id));
    const link = subject => h('a', { href: `#/activity${query({ ...state, account: subject.id, before: '' })}` }, nameOf(subject));
    if (subjects.length < 2) {
        return subjects.length ? h('p', {}, t('Found: {name}', { name: nameOf(subjects[0]) })) : null;
    }
    return h('div', { class: 'found' },
        h('p', {}, moreSubjects
            ? t('More than {count} accounts and groups match. These were searched; choose one to see it alone:', { count: numberText(subjects.length) })
            : t('{count} accounts and groups match. Choose one to see it alone:', { count: numberText(subjects.length) })),
        h('ul', {}, subjects.map(subject => h('li', {}, link(subject)))));
}

// A last day is chosen, or days: whichever was chosen last counts.
function settled(data, before) {
    const chosen = { ...data, before: '' };
    if (data.last && data.last !== (before.last ?? '')) {
        return { ...chosen, since: '', until: '' };
    }
    return data.since !== (before.since ?? '') || data.until !== (before.until ?? '') ? { ...chosen, last: '' } : chosen;
}

async function activityPage() {
    const result = h('div', {});
    const links = h('div', { class: 'row below' });
    let state = addressState();
    let latest;      // page that was loaded
    let asked = 0;

    async function list() {
        const mine = ++asked;
        const chosen = filterOf(state);
        const isSearch = Object.values(chosen).some(Boolean);
        const found = await whileBusy(result, activityList(chosen, {
            before: state.before,
            moved: before => { state = { ...state, before }; setAddressState('#/activity', state); },
            above: page => { latest = page; return subjectsFound(page, state); },
            none: isSearch ? t('No entries found.') : t('No activity yet.'),
        }));
        if (mine === asked) {
            result.replaceChildren(found);
            links.replaceChildren(...[
                isSearch ? button(t('Clear the filters'), clear) : null,
                h('a', { href: `api/activity.csv${query(chosen)}`, download: '' }, t('Export as CSV')),
                latest.entries.length || latest.next
                    ? undoShown(() => filterOf(state), { actors, subjects: () => latest.subjects ?? [] }) : null,
            ].filter(Boolean));
        }
    }

    function choose(next) {
        state = next;
        setAddressState('#/activity', state);
        for (const name of ['account', 'actor', 'kind', 'last', 'since', 'until']) {
            form.elements[name].value = state[name] ?? '';
        }
        return guarded(list);
    }

    async function clear() {
        await choose({});
        form.elements.account.focus();
    }

    const { actors } = await api('activity-actors');
    const input = (name, label, attributes) => h('label', {}, label, h('input', { name, value: state[name], ...attributes }));
    const form = filters([
        input('account', t('Account or group'), { type: 'search', maxlength: 200 }),
        input('actor', t('By'), { type: 'search', maxlength: 200, list: 'actors' }),
        h('datalist', { id: 'actors' }, actors.map(value => h('option', { value }))),
        select('kind', t('What'), kindChoices(), state.kind),
        select('last', t('Period'), [['', t('any')], ['1', t('24 hours')], ['7', t('7 days')], ['30', t('30 days')]], state.last),
        input('since', t('From'), { type: 'date' }), input('until', t('Until'), { type: 'date' }),
    ], data => choose(settled(Object.fromEntries(data), state)));
    await list();
    return [
        h('h1', { tabindex: -1 }, t('Activity')),
        h('section', {},
            h('p', { class: 'soft' }, t('Changes by your identity provider and your administrators, refused requests with the reason, and warnings of what was sent but ignored. The latest 1000 refused requests, and the latest 1000 warnings, are kept for 30 days.')),
            form,
            h('p', { class: 'soft' }, t('People are found by a part of their name, userName or e-mail address, groups by a part of their name.')),
            links, result),
    ];
}

export { activityList, activityPage, formerNames };

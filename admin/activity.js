// SPDX-License-Identifier: Apache-2.0
// Activity: what happened in the organization, or to one account or group.
import {
    api, badge, button, filters, guarded, h, leaves, numberText, query, remembered, select, t, table, time,
    translated,
} from './kit.js';
import { undoEntry, undoShown } from './undo.js';

// Kinds of entries whose details are in another entry of the same change.
const DERIVED = ['activate', 'deactivate'];

function kindOf(entry) {
    return entry.kind?.replace(/^.*:event:(prov:)?/, '');
}

function whatHappened(entry) {
    if (entry.outcome === 'refused') {
        return badge(t('Refused ({status})', entry), 'bad');
    }
    if (entry.outcome === 'warning') {
        return badge(t('Warning'), 'warn');
    }
    if (entry.data?.undoes) {
        return badge(t('{count} undone', { count: numberText(entry.data.undoes) }), 'good');
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
        'guard:trip': t('Safety limit reached'), 'guard:open': t('Let through for two hours'),
        'guard:change': t('Safety limit changed'), 'organization:change': t('Organization changed'),
        'organization:import': t('Organization imported'), 'organization:delete': t('Organization deleted'),
    };
    return badge(said[kind] ?? kind, kind === 'role:guest' ? 'warn' : kind === 'guard:trip' ? 'bad' : '');
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
        members ? h('li', {}, t('It had {count} members.', { count: numberText(members) })) : null,
    ].filter(Boolean);
}

function tripText({ guarded, limit }) {
    return guarded === 'members' ? t('More than {limit} removals from groups in an hour', { limit: numberText(limit) })
        : t('More than {limit} deactivations, deletions or downgrades in an hour', { limit: numberText(limit) });
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
    const link = (to, id, name) => id ? h('a', { href: `#/${to}/${id}` }, name ?? id) : name ?? '';
    return entry.resourceType === 'Group'
        ? [badge(t('Group')), ' ', link('groups', entry.resourceId, entry.displayName)]
        : link('members', entry.accountId, entry.userName);
}

function actorText(entry) {
    const kinds = { token: t('token'), account: t('administrator'), operator: t('operator') };
    return `${entry.actor} (${kinds[entry.actorKind]})`;
}

function activityTable(entries, isFiltered) {
    if (!entries.length) {
        return h('p', {}, isFiltered ? t('No entries found. Search for an account by its whole e-mail address, for a group by its whole name, or for either by its id.') : t('No activity yet.'));
    }
    return table('activity', t('Activity'), [t('Time'), t('What'), t('Account or group'), t('Details'), t('By')], entries.map(entry => {
        const row = [
            time(entry.at), whatHappened(entry), subjectOf(entry), [changesOf(entry), undoEntry(entry)], actorText(entry),
        ];
        row.class = kindOf(entry) === 'role:guest' ? 'stands-out' : null;
        return row;
    }));
}

// The entries that the filters select, older ones on demand.  isSearch: whether
// somebody has typed them.
async function activityList(chosen, isSearch = false) {
    const result = h('div', {});
    let entries = [];

    async function more(before) {
        const page = await api(`activity${query({ ...chosen, before })}`);
        entries = [...entries, ...page.entries];
        result.replaceChildren(activityTable(entries, isSearch && Object.values(chosen).some(Boolean)),
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
        const found = await activityList(chosen, true);
        if (mine === asked) {
            remembered.activity = chosen;
            result.replaceChildren(found);
        }
    }

    const form = filters([
        h('label', {}, t('Account or group: e-mail, name or id'), h('input', { name: 'account', type: 'search', value: chosen.account })),
        select('outcome', t('Outcome'), [['', t('all')], ['changed', t('changed')], ['refused', t('refused')],
            ['warning', t('with a warning')],
            ['guest', t('downgraded to GUEST')]], chosen.outcome),
    ], data => {
        chosen = Object.fromEntries(data);
        guarded(() => list());
    });
    await list();
    return [
        h('h1', { tabindex: -1 }, t('Activity')),
        h('section', {},
            h('p', { class: 'soft' }, t('Changes by your identity provider and your administrators, refused requests with the reason, and warnings of what was sent but ignored. The latest 1000 refused requests, and the latest 1000 warnings, are kept for 30 days.')),
            form, undoShown(() => chosen), result),
    ];
}

export { activityList, activityPage };

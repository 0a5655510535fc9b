// SPDX-License-Identifier: Apache-2.0
// Groups, which the identity provider changes: all of them, one with its members,
// and those of a member.
import { activityList } from './activity.js';
import {
    address, api, countText, filters, guarded, h, listHeading, paged, query, remembered, stateBadge, t, table, time,
} from './kit.js';

const onlyThere = () => h('p', { class: 'soft' },
    t('Your identity provider creates, changes and deletes groups. They cannot be edited here; what was changed can be undone under History and in Activity.'));

function groupRow(group) {
    return [
        h('a', { href: `#/groups/${group.id}` }, group.displayName),
        countText(group.members, group.hasMoreMembers),
        countText(group.groups, group.hasMoreGroups),
        time(group.lastModified),
    ];
}

function groupsTable(caption, groups) {
    return table('groups', caption, [t('Name'), t('Members'), t('Nested groups'), t('Last change')], groups.map(groupRow));
}

async function groupsPage() {
    const result = h('div', {});
    let { chosen = {}, ...place } = remembered.groups ?? {};
    let asked = 0;

    function draw({ groups }) {
        if (groups.length) {
            return groupsTable(t('Groups'), groups);
        }
        return h('p', {}, chosen.search ? t('No groups found.')
            : t('There are no groups yet. Your identity provider sends them if you choose groups there.'));
    }

    async function list() {
        const mine = ++asked;
        const found = await paged(cursor => api(`groups${query({ ...chosen, cursor })}`), draw, null, place);
        if (mine === asked) {
            remembered.groups = Object.assign(place, { chosen });
            result.replaceChildren(found);
        }
    }

    const form = filters([
        h('label', {}, t('Search: name'), h('input', { name: 'search', type: 'search', maxlength: 200, value: chosen.search, 'aria-describedby': 'search-help' })),
    ], data => {
        chosen = Object.fromEntries(data);
        place = {};
        guarded(list);
    });
    await list();
    return [h('h1', { tabindex: -1 }, t('Groups')), h('section', {}, onlyThere(), form,
        h('p', { class: 'soft', id: 'search-help' }, t('The search finds the beginning of a name, and a whole external id or id.')), result)];
}

function groupMemberRow(member) {
    return [
        h('a', { href: `#/members/${member.id}` }, member.displayName || member.userName),
        address(member.userName),
        member.role,
        stateBadge(member.active),
        time(member.since),
    ];
}

// The groups that kind (children or parents) of a group are; null without any.
async function nestedGroups(kind, id, title) {
    const heading = listHeading(title);
    let isEmpty = true;
    const list = await paged(cursor => api(`group-${kind}/${id}${query({ cursor })}`), page => {
        isEmpty = isEmpty && !page.groups.length;
        return groupsTable(title, page.groups);
    }, heading);
    return isEmpty ? null : h('section', {}, heading, list);
}

async function groupPage(id) {
    const heading = listHeading(t('Members'));
    const group = await api(`groups/${id}`);
    const [members, children, parents, history] = await Promise.all([
        paged(cursor => api(`group-members/${id}${query({ cursor })}`),
            page => page.members.length
                ? table('group-members', t('Members'), [t('Name'), t('User name'), t('Role'), t('State'), t('Member since')], page.members.map(groupMemberRow))
                : h('p', {}, t('No account is directly in this group.')),
            heading),
        nestedGroups('children', id, t('Nested groups')),
        nestedGroups('parents', id, t('Nested in')),
        activityList({ account: id }),
    ]);
    const facts = [
        ['id', group.id], ['externalId', group.externalId], ['meta.created', time(group.created)], ['meta.lastModified', time(group.lastModified)],
    ].filter(([, value]) => value);
    return [
        h('p', { class: 'up' }, h('a', { href: '#/groups' }, `← ${t('Groups')}`)),
        h('h1', { tabindex: -1 }, group.displayName),
        h('section', {}, onlyThere(),
            table('attributes', t('Attributes'), [t('Attribute'), t('Value')], facts.map(([name, value]) => [h('code', {}, name), value]))),
        h('section', {}, heading,
            h('p', { class: 'soft' }, t('Accounts directly in this group: {count}.', { count: countText(group.members, group.hasMoreMembers) }), ' ',
                group.hasMoreMembers ? t('There are so many that they are not sorted by name. The page of a member shows all groups of the member.') : null),
            members),
        children, parents,
        h('section', {}, listHeading(t('History')), history),
    ];
}

// The groups of a member, for the member's page.
async function groupsOfMember(id) {
    const heading = listHeading(t('Groups'));
    const row = group => [
        h('a', { href: `#/groups/${group.id}` }, group.displayName),
        group.type === 'direct' ? t('direct') : t('by way of another group'),
        time(group.since),
    ];
    const list = await paged(cursor => api(`member-groups/${id}${query({ cursor })}`),
        page => page.groups.length
            ? table('of-member', t('Groups'), [t('Name'), t('Membership'), t('Member since')], page.groups.map(row))
            : h('p', {}, t('This account is in no group.')),
        heading);
    return h('section', {}, heading, list);
}

export { groupPage, groupsOfMember, groupsPage };

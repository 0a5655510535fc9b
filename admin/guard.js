// SPDX-License-Identifier: Apache-2.0
// The guard: how much the identity provider may take away within an hour, what it was
// refused, and letting that through.
import { Refused, api, ask, badge, button, field, guarded, h, numberText, query, say, t, time } from './kit.js';

const LOOKED_AT = 200;  // the most entries and requests that the API gives at once
const SHOWN = 20;       // people

function numbers(values) {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, numberText(value)]));
}

function tripText({ guarded, limit, refused, since, lastRefused, token }) {
    const values = { token, ...numbers({ limit, refused }), since: time(since), lastRefused: time(lastRefused) };
    return guarded === 'members'
        ? t('“{token}” wanted more removals from groups than the limit of {limit} in an hour. Refused since {since}: {refused}, the last one {lastRefused}.', values)
        : t('“{token}” wanted more deactivations, deletions or downgrades to GUEST than the limit of {limit} in an hour. Refused since {since}: {refused}, the last one {lastRefused}.', values);
}

// What was refused

const isOfGuard = ({ detail }) => /safety limit/.test(detail);

// What a request that the limit has refused wanted.  A deletion says so itself; of a
// change, the log of requests has the attributes.
function wantedOf(entry, requests) {
    if (entry.resourceType === 'Group') {
        return 'members';
    }
    if (entry.method === 'DELETE') {
        return 'delete';
    }
    const asked = requests.find(({ resourceId, status }) => resourceId === entry.accountId && status === entry.status)?.operations.join(' ') ?? '';
    const [isActive, isRole] = [/\bactive\b/.test(asked), /\broles\b/.test(asked)];
    return isActive === isRole ? 'either' : isActive ? 'deactivate' : 'guest';
}

// The entries of Activity, those of the limit with what they wanted.
async function withWanted(entries) {
    const { entries: requests } = entries.some(isOfGuard)
        ? await api(`requests${query({ outcome: 'refused', count: LOOKED_AT })}`).catch(() => ({ entries: [] })) : { entries: [] };
    return entries.map(entry => isOfGuard(entry) ? { ...entry, wanted: wantedOf(entry, requests) } : entry);
}

// What the limit holds back, each account or group once.
async function heldBack({ trips }) {
    const [since] = trips.map(trip => trip.since).sort();
    if (!since) {
        return [];
    }
    // A refusal is stored a little before the limit is noted.
    const from = new Date(new Date(since) - 60000).toISOString();
    const { entries } = await api(`activity${query({ kind: 'refused', since: from, count: LOOKED_AT })}`);
    const refused = await withWanted(entries.filter(isOfGuard));
    return [...new Map(refused.map(entry => [`${entry.accountId ?? entry.resourceId} ${entry.wanted}`, entry])).values()];
}

const wantedTexts = () => ({
    delete: t('is deleted'), deactivate: t('is deactivated'), guest: t('becomes a GUEST'),
    either: t('is deactivated or becomes a GUEST'), members: t('loses members'),
});

function heldBackList(entries) {
    const rest = entries.length - SHOWN;
    return [
        h('p', {}, t('Refused so far, and done when your identity provider tries again:')),
        h('ul', { class: 'changes' }, entries.slice(0, SHOWN).map(entry =>
            h('li', {}, `${entry.userName ?? entry.displayName ?? entry.resourceId}: ${wantedTexts()[entry.wanted]}`))),
        rest > 0 ? h('p', { class: 'soft' }, t('and {count} more', { count: numberText(rest) })) : null,
    ];
}

// show draws the page anew.
async function letThrough(guard, show) {
    const entries = await heldBack(guard);
    ask({
        title: t('Let everything through'),
        content: [...entries.length ? heldBackList(entries) : [], h('p', {}, t('For two hours, your identity provider may deactivate, delete and downgrade any number of accounts, and remove any number of members from groups. Then the limit counts anew.'))],
        action: t('Let everything through'), kind: 'danger',
        submit: async () => {
            await api('guard', 'POST', {});
            await show();
            say(t('Your identity provider is let through for two hours.'));
        },
    });
}

function numberOf(input) {
    if (input.validity.badInput) {
        throw new Refused(t('This is not a number.'), input.name);
    }
    return input.value ? Number(input.value) : null;
}

function change(guard, show) {
    const input = (name, max) => h('input', { name, type: 'number', min: 1, max, step: 1, inputmode: 'numeric', value: guard[name] });
    ask({
        title: t('Safety limit'),
        content: [
            h('p', {}, t('If you give both, the one that allows more counts. Leave both empty for no limit.')),
            field(t('Accounts an hour'), input('number', 1000000)),
            field(t('Percentage of the active accounts an hour'), input('percent', 100)),
        ],
        action: t('Save'),
        submit: async ({ number, percent }) => {
            await api('guard', 'PUT', { number: numberOf(number), percent: numberOf(percent) });
            await show();
            say(t('The safety limit is changed.'));
        },
    });
}

// What is the case, what can be done, and the details, which leave a narrow screen to the
// rest of the page until they are opened.
function notice(kind, title, actions, details) {
    return h('section', { class: kind }, h('h2', {}, title), h('div', { class: 'row below' }, actions),
        h('details', { open: matchMedia('(min-width: 52rem)').matches }, h('summary', {}, t('Details')), details));
}

function banner(guard, show) {
    return notice('tripped', t('The safety limit has held back changes'), [
        button(t('Let them through'), () => guarded(() => letThrough(guard, show)), 'main'),
        h('a', { href: '#/activity?kind=refused' }, t('Activity')),
    ], [
        guard.trips.map(trip => h('p', {}, tripText(trip))),
        h('p', { class: 'soft' }, t('All other changes are made as usual. Look at what was refused in Activity. If it is a mistake, correct it in your identity provider. If it is right, let it through: your identity provider tries again by itself.')),
    ]);
}

// Setting the limit, also to what it is, ends the two hours.
async function close({ number = null, percent = null }, show) {
    await api('guard', 'PUT', { number, percent });
    await show();
    say(t('The safety limit counts again.'));
}

function openNotice(guard, show) {
    return notice('next', t('The safety limit lets everything through until {time}', { time: time(guard.openUntil) }),
        button(t('Let nothing more through'), () => guarded(() => close(guard, show))),
        h('p', {}, t('What was refused before is not done by itself: your identity provider has to try again. Entra ID does it in its next cycles, or at once by “Provision on demand”. Afterwards the limit counts anew.')));
}

function stateOf(guard) {
    return guard.openUntil ? badge(t('open'), 'warn') : guard.limit == null ? badge(t('off'), 'warn')
        : guard.trips.length ? badge(t('reached'), 'bad') : badge(t('on'), 'good');
}

function section(guard, show) {
    const isOpen = Boolean(guard.openUntil);
    const hasLimit = guard.limit != null;
    return h('section', {},
        h('div', { class: 'row spread' },
            h('h2', {}, t('Safety limit'), ' ', stateOf(guard)),
            h('div', { class: 'row' },
                hasLimit && !isOpen && !guard.trips.length ? button(t('Let everything through'), () => guarded(() => letThrough(guard, show))) : null,
                button(t('Change limit'), () => change(guard, show)))),
        isOpen ? h('p', { class: 'warn' }, t('Everything goes through until {time}.', { time: time(guard.openUntil) })) : null,
        hasLimit
            ? h('p', {}, t('Within an hour, your identity provider may deactivate, delete or downgrade to GUEST no more accounts than {limit}, and remove no more members from groups than {limit}.', numbers({ limit: guard.limit })))
            : h('p', { class: 'warn' }, t('There is no limit: a mistake in your identity provider can deactivate or delete all accounts at once.')),
        hasLimit && !isOpen
            ? h('p', { class: 'soft' }, t('In the last hour: {deactivations} deactivated, {deletions} deleted, {downgrades} downgraded, {removals} removed from groups.', numbers(guard.counted)))
            : null);
}

// The parts of the first page: what was refused or is let through, or null, and the limit.  Tables of an
// older version have neither.
async function guardParts(show) {
    try {
        const guard = await api('guard');
        return [guard.openUntil ? openNotice(guard, show) : guard.trips.length ? banner(guard, show) : null, section(guard, show)];
    } catch (problem) {
        if (problem.status === 503) {
            return [null, null];
        }
        throw problem;
    }
}

export { guardParts, letThrough, withWanted };

// SPDX-License-Identifier: Apache-2.0
// Why somebody was not provisioned: what the page knows elsewhere, put together in
// the order in which it has to be mended.  First what keeps everybody away, then what
// is known of the person: their account, refused requests and what was ignored.  That
// nothing is found does not prove that the identity provider has never sent them: it
// may have sent other names.
import { formerNames } from './activity.js';
import { letThrough, withWanted } from './guard.js';
import { addressState, api, badge, button, guarded, h, inVainText, isLive, kindOf, labelHelp, labelText, numberText, personText, query, setAddressState, t, time, translated, whileBusy } from './kit.js';

const SHOWN = 5;        // accounts and entries of Activity
const LOOKED_AT = 50;   // entries
const TAKEN = /has the userName '(.+)' already/;

// A cause: what is the case, and what to do: texts, or elements.
function cause(kind, what, ...todo) {
    return h('li', { class: `cause ${kind}` }, h('p', {}, what),
        todo.map(part => part instanceof Element ? part : h('p', { class: 'soft' }, part)));
}

function link(to, text) {
    return h('a', { href: `#/${to}` }, text);
}

// What keeps every request from having an effect: the kind of cause, what is the case,
// and what to do; undefined if nothing does.
function stopOf(settings, tokens) {
    const live = tokens.filter(isLive);
    const inVain = tokens.find(({ refused }) => refused);
    const ended = tokens.filter(token => !isLive(token)).sort((a, b) => (b.lastUsed ?? '').localeCompare(a.lastUsed ?? ''))[0];
    return [
        settings.state === 'disabled' && ['bad', t('User provisioning is off: every request is refused.'),
            t('Select Manage below and switch it on. Then start provisioning in your identity provider again.')],
        settings.state === 'paused' && ['warn', t('User provisioning is paused: your identity provider is asked to try again later.'),
            t('Select Manage below and switch it on.')],
        !live.length && ended && ['bad', ended.deleted
            ? t('The token “{name}” was deleted, and there is no other one.', ended)
            : t('The token “{name}” has ended ({time}), and there is no other one.', { name: ended.name, time: time(ended.expires) }),
        t('Generate a token and enter it in your identity provider.')],
        inVain && !live.some(token => token.lastUsed > inVain.refused) && ['bad', inVainText(inVain)],
        !tokens.length && ['warn', t('There is no token, so your identity provider cannot sign in.'),
            t('Generate a token and enter it in your identity provider.')],
    ].find(Boolean);
}

// What keeps everybody away.
function generalCause(settings, tokens, health) {
    const stop = stopOf(settings, tokens)
        ?? (health.waiting ? ['warn', t('Your identity provider has never sent a request.'), t('Enter the SCIM URL and the token there, test the connection, and start provisioning.')] : null);
    return stop && cause(...stop);
}

// People of the same name have different user names.
function nameOf({ id, displayName, userName }) {
    return h('span', {}, link(`members/${id}`, displayName || userName), displayName && displayName !== userName ? ` (${userName})` : '');
}

const isSame = (a, b) => a?.toLowerCase() === b?.toLowerCase();
const isAbout = (entry, { id, userName }) => id === entry.accountId || isSame(userName, entry.userName);

// isHeldBack: the safety limit has refused a change of it that is still wanted.
function accountCause(member, isHeldBack) {
    if (member.label === 'unmanaged' || member.label === 'ineligible') {
        return cause('bad', [nameOf(member), ': ', labelText(member.label)], labelHelp()[member.label]);
    }
    if (!member.active) {
        return cause('warn', [nameOf(member), ': ', t('this account is deactivated.')],
            t('The history of the account says when and by whom. If your identity provider did it, assign the person to the application there again.'));
    }
    if (isHeldBack) {
        return cause('warn', [nameOf(member), ': ', t('this account is still active, as {role}.', member)],
            t('The person can sign in as {userName} until the change that the safety limit has held back is let through.', member));
    }
    return member.label === 'provisioned'
        ? cause('good', [nameOf(member), ': ', t('this account is provisioned and active, as {role}; the last change was on {time}.', { role: member.role, time: time(member.provisionedAt) })],
            t('Nothing here keeps the person from signing in as {userName}. If they cannot, look at the sign-in logs of your identity provider.', member))
        : cause('warn', [nameOf(member), ': ', t('this account is here, but your identity provider has never changed it.')],
            t('If it should, assign the person to the application there, and compare the user name with the one here.'));
}

// What to do about a refused request: its reason mostly says it.
function adviceFor(entry) {
    if (/verified domain/.test(entry.detail)) {
        return t('Correct the user name in your identity provider, or ask whoever runs this server to add the domain.');
    }
    const [, taken] = TAKEN.exec(entry.detail) ?? [];
    if (taken) {
        return [link(`members${query({ search: taken })}`, t('The account that has this user name')), ': ',
            t('if it is the same person, let your identity provider match people by userName, so that it updates this account. If not, one of the two needs another user name.')];
    }
    return entry.status === 401 ? t('Generate a token and enter it in your identity provider.') : null;
}

// What has happened since a refusal or a warning, so that it is of no account any more;
// undefined: nothing is known.  member: whom it was about, if they have an account.
function settledText(entry, member, changed) {
    const [, warnedRole] = /so the account is (?:a |still )(\w+)/.exec(entry.detail) ?? [];
    if (!member) {
        const deletion = changed.find(change => change.accountId && change.accountId === entry.accountId && kindOf(change) === 'delete' && change.at > entry.at);
        return deletion && t('The account was deleted since: {time}.', { time: time(deletion.at) });
    }
    if (entry.outcome === 'warning') {
        return warnedRole && warnedRole !== member.role ? t('The role is {role} now.', member) : undefined;
    }
    if (/not eligible/.test(entry.detail) && member.label !== 'ineligible') {
        return t('The account is eligible now.');
    }
    if (entry.wanted === 'deactivate' || entry.wanted === 'either') {
        return member.active ? undefined : t('The account is deactivated now.');
    }
    if (entry.wanted) {
        return entry.wanted === 'guest' && member.role === 'GUEST' ? t('The role is {role} now.', member) : undefined;
    }
    // Of a name that is taken, the other account may be somebody else's.
    return member.lastSync?.at > entry.at && !TAKEN.test(entry.detail)
        ? t('Since then your identity provider has changed this account: {time}.', { time: time(member.lastSync.at) }) : undefined;
}

// What the safety limit has held back, and what can be done about it.
function wantedText({ actor, wanted }, { role }) {
    return {
        delete: t('“{actor}” wanted to delete the account; it is still here.', { actor }),
        deactivate: t('“{actor}” wanted to deactivate the account; it is still active.', { actor }),
        guest: t('“{actor}” wanted to make the account a GUEST; it is still {role}.', { actor, role }),
        either: t('“{actor}” wanted to deactivate the account or make it a GUEST; it is still active, as {role}.', { actor, role }),
    }[wanted];
}

function guardAdvice(guard, show) {
    if (guard.openUntil) {
        return [t('Everything is let through until {time}, but your identity provider has to try again. In Entra ID, “Provision on demand” does it at once.', { time: time(guard.openUntil) })];
    }
    return guard.trips?.length
        ? [t('If this change is right, let it through. If not, correct the mapping or the assignment in your identity provider first.'),
            button(t('Let them through'), () => guarded(() => letThrough(guard, show)))]
        : [t('Your identity provider has to try again. In Entra ID, “Provision on demand” does it at once.')];
}

function entryCause(entry, { members = [], changed = [], guard = {}, show } = {}) {
    const member = members.find(found => isAbout(entry, found));
    const who = entry.accountId ? link(`members/${entry.accountId}`, entry.userName ?? entry.accountId) : personText(entry);
    const isWarning = entry.outcome === 'warning';
    const settled = settledText(entry, member, changed);
    const kind = settled ? '' : isWarning ? 'warn' : 'bad';
    const isHeldBack = Boolean(entry.wanted && member && !settled);
    const todo = settled ? [settled] : isWarning ? [] : isHeldBack ? [t('The safety limit holds it back.'), ...guardAdvice(guard, show)] : [adviceFor(entry)];
    return cause(kind,
        [badge(isWarning ? t('Warning') : t('Refused ({status})', entry), kind), ' ',
            entry.count > 1 ? t('{count} times, the last one {time}', { count: numberText(entry.count), time: time(entry.at) }) : time(entry.at),
            ' – ', who, ': ', isHeldBack ? wantedText(entry, member) : translated(entry.detail)],
        ...todo.filter(Boolean));
}

// Entries that say the same of the same account are one: the latest, with their number.
function grouped(entries) {
    const groups = new Map();
    for (const entry of entries) {
        const key = JSON.stringify([entry.outcome, entry.detail, entry.wanted, entry.accountId ?? entry.userName]);
        const { count = 0, ...latest } = groups.get(key) ?? entry;
        groups.set(key, { ...latest, count: count + 1 });
    }
    return [...groups.values()];
}

// The worst first, and last what is of no account any more.
function inOrder(causes) {
    const rank = item => ['bad', 'warn', 'good', 'cause'].findIndex(kind => item.classList.contains(kind));
    return causes.sort((a, b) => rank(a) - rank(b));
}

function isGone(text) {
    return cause('warn', t('“{text}” was here and is not any more: the account was deleted.', { text }),
        t('Activity says when and by whom. If the person should be here, assign them to the application in your identity provider again.'));
}

function nothingFound(text, strangers) {
    return cause('warn', t('Nothing is found under “{text}”: no account, no change and no refused request.', { text }),
        [t('Refused people are found by the name and the user name that were sent: try the family name alone, or the part before the @.'), ' ',
            link('activity?kind=refused', t('Refused requests in Activity'))],
        t('If they are not among those either, look in your identity provider whether the person is assigned to the application, whether a filter of the assignment leaves them out, and when the next sync is. Entra ID syncs every 40 minutes; “Provision on demand” does it at once.'),
        ...strangers.length ? [t('The latest people who were refused and are not here:'),
            h('ul', { class: 'causes' }, strangers.map(entry => entryCause(entry)))] : []);
}

// The entries of Activity about whom the text means, and who that is.
async function activityAbout(text, outcome) {
    const { entries, subjects = [] } = await api(`activity${query({ account: text, outcome, count: LOOKED_AT })}`);
    return { entries: entries.filter(({ resourceType }) => resourceType !== 'Group'), subjects };
}

// The latest refused request of each of those who have no account.
async function refusedStrangers() {
    const { entries } = await api(`activity${query({ outcome: 'refused', count: LOOKED_AT })}`);
    const named = entries.filter(({ accountId, resourceType, userName }) => userName && !accountId && resourceType !== 'Group');
    const latest = [...new Map(named.map(entry => [entry.userName.toLowerCase(), entry]).reverse()).values()].reverse().slice(0, 2 * SHOWN);
    const found = await Promise.all(latest.map(({ userName }) => api(`members${query({ search: userName, count: SHOWN })}`)));
    return latest.filter(({ userName }, i) => !found[i].members.some(member => isSame(member.userName, userName))).slice(0, SHOWN);
}

// The accounts of the entries that are not among the members that the text has found.
async function othersOf(entries, members) {
    const known = new Set(members.map(({ id }) => id));
    const ids = [...new Set(entries.map(({ accountId }) => accountId))].filter(id => id && !known.has(id)).slice(0, SHOWN);
    const found = await Promise.all(ids.map(id => api(`members${query({ search: id })}`)));
    return found.flatMap(page => page.members);
}

// Somebody who was found by the name of before.
function renamed({ id, name, displayName }, former) {
    return cause('', [t('“{text}” has another name now:', { text: former }), ' ', nameOf({ id, displayName, userName: name })]);
}

// What is known of the person.
async function ownCauses(text, show) {
    const [guard, { members, next }, { entries: refused }, { entries: warned }, { entries: changed, subjects }] = await Promise.all([
        // Tables of the version before have none.
        api('guard').catch(() => ({})),
        api(`members${query({ search: text, count: SHOWN })}`),
        activityAbout(text, 'refused'), activityAbout(text, 'warning'), activityAbout(text, 'changed'),
    ]);
    const others = await othersOf([...refused, ...warned, ...changed], members);
    const all = [...members, ...others];
    const entries = grouped(await withWanted([...refused, ...warned]));
    if (!all.length && !entries.length) {
        return [changed.length ? isGone(text) : nothingFound(text, await refusedStrangers())];
    }
    const former = formerNames({ subjects, entries: changed }, text);
    const isHeldBack = member => entries.some(entry => entry.wanted && isAbout(entry, member) && !settledText(entry, member, changed));
    const rest = entries.length - SHOWN;
    return [
        ...subjects.filter(({ id }) => former.has(id)).map(subject => renamed(subject, former.get(subject.id))),
        !all.length && changed.length ? isGone(text) : null,
        ...inOrder([...all.map(member => accountCause(member, isHeldBack(member))), ...entries.slice(0, SHOWN).map(entry => entryCause(entry, { members: all, changed, guard, show }))]),
        next ? cause('', link(`members${query({ search: text })}`, t('More accounts match'))) : null,
        rest > 0 ? cause('', link(`activity${query({ account: text })}`, t('and {count} more', { count: numberText(rest) }))) : null,
    ].filter(Boolean);
}

async function causesOf(text, show) {
    // Tables of the version before have no health.
    const [settings, { tokens }, health] = await Promise.all([api('settings'), api('tokens'), api('health').catch(() => ({}))]);
    const general = generalCause(settings, tokens, health);
    return general ? [general, cause('', t('This keeps everybody away. Ask again when it is mended.'))] : ownCauses(text, show);
}

// The section of the first page that answers the question, also the one of the address,
// so that the button Back and a link that is sent show the answer.  show draws the page
// anew.
function whySection(show) {
    const result = h('div', { role: 'status' });
    const input = h('input', { name: 'person', type: 'search', maxlength: 200, required: true, value: addressState().person, 'aria-describedby': 'person-help' });
    const form = h('form', { class: 'row end', on: { submit: event => { event.preventDefault(); answer(); } } },
        h('label', { class: 'grows' }, t('Person'), input), h('button', {}, t('Find out')));

    let asked = 0;

    function answer() {
        const text = input.value.trim();
        if (text) {
            guarded(async () => {
                const mine = ++asked;
                const causes = await whileBusy(result, causesOf(text, show));
                if (mine !== asked) {
                    return;
                }
                setAddressState('#/', { ...addressState(), person: text });
                result.replaceChildren(h('ul', { class: 'causes' }, causes),
                    h('p', {}, link(`activity${query({ account: text })}`, t('All about “{text}” in Activity', { text }))));
            });
        }
    }

    answer();
    return h('section', { class: 'why' }, h('h2', {}, t('Why was somebody not provisioned, or why can they not sign in?')), form,
        h('p', { class: 'soft', id: 'person-help' }, t('Enter a name, a user name or an e-mail address.')), result);
}

export { stopOf, whySection };

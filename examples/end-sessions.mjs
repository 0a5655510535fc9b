// SPDX-License-Identifier: Apache-2.0
// Ends the sessions of people who are deactivated or deleted, and what they have
// open.  sessions: a Map from the id of a session to {account, sockets}, where
// account is what httpd sends as X-Account-Id.
import { receive } from './receiver.mjs';

export function endSessions(sessions, port, secretFile) {
    receive(port, secretFile, ({ kind, resourceType, resourceId }) => {
        if (resourceType !== 'User' || !/:prov:(deactivate|delete)$/.test(kind)) {
            return;
        }
        for (const [id, { account, sockets }] of sessions) {
            if (account === resourceId) {
                sessions.delete(id);
                sockets.forEach(socket => socket.destroy());
            }
        }
    });
}

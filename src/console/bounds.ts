/** What the node keeps for its page, and where the page asks for it: both sides know it. */

export const consolePath = '/v0/console';
/** Between two samples, milliseconds. */
export const sampleMs = 5000;
/** The newest quarter of an hour. */
export const samplesMax = 180;

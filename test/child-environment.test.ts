import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutSettings } from '../src/child-environment.ts';

test("withoutSettings() leaves all but Kvorum's own variables", () => {
  const environment = { PATH: '/bin', KVORUM_PORT: '9000', KVORUM_STOP_WITH_PARENT: '1', MY_KVORUM_PORT: '1' };
  assert.deepEqual(withoutSettings(environment), { PATH: '/bin', MY_KVORUM_PORT: '1' });
});

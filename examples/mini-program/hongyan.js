// Hongyan in a mini program: logs in, keeps the session, calls your API with it, and
// asks for consent to messages. Copy this file as it is.

// Where the session lies in the phone's storage, so that the next start needs no login.
const KEY = 'hongyan.session';
// An access token this close to its end is replaced before it is used.
const MARGIN = 30 * 1000;

/** `url` is Hongyan's HTTP API, `app` its short name of this mini program. */
function connect({ url, app }) {
  let session = wx.getStorageSync(KEY) || null;
  // The login or refresh under way, if there is one: whoever needs a session waits for
  // it. A refresh token is good once, so two refreshes at a time would be one too many.
  let renewal = null;

  function keep(answer) {
    const expiresAt = Date.now() + answer.expires_in * 1000;
    session = { token: answer.access_token, refresh: answer.refresh_token, expiresAt, user: answer.user };
    // Before anybody uses it: after a crash the old refresh token would be worth nothing.
    wx.setStorageSync(KEY, session);
    return session;
  }

  async function logIn() {
    const answer = await again(async () => {
      const { code } = await ask(wx.login, {}); // each code is good once
      return post(`${url}/login/${app}`, { code });
    });
    if (answer.statusCode !== 200) throw failure('登录失败', answer);
    return keep(answer.data);
  }

  async function refresh() {
    // Within 30 seconds the same token may be sent again, in case the answer was lost.
    const body = { refresh_token: session.refresh };
    const answer = await again(() => post(`${url}/session/refresh`, body));
    if (answer.statusCode === 200) return keep(answer.data);
    if (answer.statusCode !== 401) throw failure('登录续期失败', answer);
    return logIn(); // the session has ended
  }

  /** A session other than `refused`; the one there is, if it will last. */
  function fresh(refused) {
    if (renewal) return renewal;
    const good = session && session !== refused && session.expiresAt - MARGIN > Date.now();
    if (good) return Promise.resolve(session);
    renewal = session ? refresh() : logIn();
    const done = () => { renewal = null; };
    renewal.then(done, done);
    return renewal;
  }

  /**
   * As wx.request, with the session, and as a promise of `{ statusCode, data }`. Logs in
   * if need be. Fails if the network does, or if nobody can log in.
   */
  async function request(options) {
    const call = (used) => send({
      ...options,
      header: { ...options.header, Authorization: `Bearer ${used.token}` },
    });
    const used = await fresh();
    const answer = await call(used);
    // Once more with another session. What is refused then, is refused.
    return answer.statusCode === 401 ? call(await fresh(used)) : answer;
  }

  /** Ends the session, here and at Hongyan. */
  async function logOut() {
    const body = session && { refresh_token: session.refresh };
    session = null;
    wx.removeStorageSync(KEY);
    if (body) await post(`${url}/session/revoke`, body);
  }

  return { request, logOut, askConsent };
}

/**
 * Asks for consent to one message of each of these templates (at most 5). Call it in the
 * handler of a tap, before anything that is waited for: WeChat asks for nothing
 * otherwise. Nothing has to be told to Hongyan: WeChat tells it.
 *
 * Gives `accepted`, the templates that were, and `problem` if nobody was even asked:
 * `off` (20004: this person has switched all messages off, in the settings of the mini
 * program), `banned` (20005: by WeChat), `again` (the network, or the mini program
 * was left), `mistake` (yours: the console shows it).
 */
async function askConsent(templateIds) {
  const problems = { 10002: 'again', 10003: 'again', 10005: 'again', 20004: 'off', 20005: 'banned' };
  try {
    const answers = await ask(wx.requestSubscribeMessage, { tmplIds: templateIds });
    // The others: `reject`, `ban` (WeChat has banned the template), `filter` (another of
    // the same title was asked for). `acceptWith…` is `accept`, with a sound for instance.
    const accepted = templateIds.filter((id) => String(answers[id]).startsWith('accept'));
    return { accepted };
  } catch (refused) {
    const problem = problems[refused.errCode] || 'mistake';
    if (problem === 'mistake') console.error('wx.requestSubscribeMessage', refused);
    return { accepted: [], problem };
  }
}

/** One of wx's functions, as a promise. */
function ask(api, options) {
  return new Promise((success, fail) => api({ ...options, success, fail }));
}

/** A request of an API: `data` is JSON both ways. */
function send(options) {
  return ask(wx.request, { timeout: 10000, ...options });
}

function post(url, data) {
  return send({ url, method: 'POST', header: { 'content-type': 'application/json' }, data });
}

/** Tries once more if the network fails. */
async function again(attempt) {
  try {
    return await attempt();
  } catch (lost) {
    return attempt();
  }
}

function failure(what, { statusCode, data }) {
  const problem = new Error(`${what}（${statusCode}）${(data && data.error) || ''}`);
  problem.statusCode = statusCode;
  return problem;
}

module.exports = { connect };

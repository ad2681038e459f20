// Hongyan's client for mini programs: logs in, keeps the session, calls your API with it,
// and asks for consent to messages. Copy this file unchanged.

// The key of the session in the phone's storage, so that the next start needs no login.
const STORAGE_KEY = 'hongyan.session';
// Milliseconds before its expiry at which an access token is refreshed.
const REFRESH_MARGIN_MS = 30 * 1000;

/** `url` is Hongyan's HTTP API, `app` its alias of this mini program. */
function connect({ url, app }) {
  let session = wx.getStorageSync(STORAGE_KEY) || null;
  // The running login or refresh. All requests wait for it, because a refresh token is valid
  // once.
  let renewal = null;

  function store(response) {
    const expiresAt = Date.now() + response.expires_in * 1000;
    session = {
      token: response.access_token, refresh: response.refresh_token, expiresAt, user: response.user,
    };
    // Before its first use: the previous refresh token is no longer valid.
    wx.setStorageSync(STORAGE_KEY, session);
    return session;
  }

  async function exchangeCode() {
    const { code } = await retryOnce(() => promise(wx.login, {})); // a code is valid once
    const body = { code, retry_key: await randomKey() };
    // If the response is lost, Hongyan answers the same code with the same key again for a minute.
    return retryOnce(() => post(`${url}/login/${app}`, body));
  }

  async function logIn() {
    let response = await exchangeCode();
    // A lost request may have used up the code.
    if (response.statusCode === 401) response = await exchangeCode();
    if (response.statusCode !== 200) throw failure('登录失败', response);
    return store(response.data);
  }

  async function refresh() {
    const used = session;
    if (!used.retryKey) {
      used.retryKey = await randomKey();
      // Before it is sent: a mini program that is closed and opened repeats the same request.
      if (session === used) wx.setStorageSync(STORAGE_KEY, used);
    }
    // If the response is lost, Hongyan accepts the same token with the same key again for 30
    // seconds. With another key it ends the session, as the token was stolen.
    const body = { refresh_token: used.refresh, retry_key: used.retryKey };
    const response = await retryOnce(() => post(`${url}/session/refresh`, body));
    if (response.statusCode === 200) return store(response.data);
    if (response.statusCode !== 401) throw failure('登录续期失败', response);
    return logIn(); // the session has ended
  }

  /** A valid session other than `rejected`. */
  function validSession(rejected) {
    if (renewal) return renewal;
    const valid = session && session !== rejected && session.expiresAt - REFRESH_MARGIN_MS > Date.now();
    if (valid) return Promise.resolve(session);
    renewal = session ? refresh() : logIn();
    const done = () => { renewal = null; };
    renewal.then(done, done);
    return renewal;
  }

  /**
   * Like wx.request, with the session, and as a promise of `{ statusCode, data }`. Logs in
   * if necessary. Rejects if the network or the login fails.
   */
  async function request(options) {
    const call = ({ token }) => send({
      ...options,
      header: { ...options.header, Authorization: `Bearer ${token}` },
    });
    const used = await validSession();
    const response = await call(used);
    // The phone's clock may be wrong, or the session revoked: retry once with another.
    return response.statusCode === 401 ? call(await validSession(used)) : response;
  }

  /** Ends the session, on the phone and at Hongyan. */
  async function logOut() {
    const body = session && { refresh_token: session.refresh };
    session = null;
    wx.removeStorageSync(STORAGE_KEY);
    if (body) await post(`${url}/session/revoke`, body);
  }

  return { request, logOut, askConsent };
}

/**
 * Asks for consent to one message of each of these templates (at most 5). Call it in a tap
 * handler, before the first `await`: WeChat rejects it otherwise. WeChat sends the answer to
 * Hongyan, so there is nothing else to do.
 *
 * Resolves to `accepted`, the accepted templates, and `problem` if WeChat didn't ask:
 * `off` (20004: the user has turned off all messages in the settings of the mini program),
 * `banned` (20005: WeChat has banned the mini program's messages), `again` (the network
 * failed, or the user left the mini program), `mistake` (an error of yours, logged to the
 * console).
 *
 * Source: WeChat, "wx.requestSubscribeMessage",
 * https://developers.weixin.qq.com/miniprogram/dev/api/open-api/subscribe-message/wx.requestSubscribeMessage.html
 */
async function askConsent(templateIds) {
  const problems = { 10002: 'again', 10003: 'again', 10005: 'again', 20004: 'off', 20005: 'banned' };
  try {
    const answers = await promise(wx.requestSubscribeMessage, { tmplIds: templateIds });
    // Other answers: `reject`, `ban` (WeChat has banned the template), `filter` (a template
    // with the same title was asked for). `acceptWith…` is `accept`, for instance with sound.
    const accepted = templateIds.filter((id) => String(answers[id]).startsWith('accept'));
    return { accepted };
  } catch (error) {
    const problem = problems[error.errCode] || 'mistake';
    if (problem === 'mistake') console.error('wx.requestSubscribeMessage', error);
    return { accepted: [], problem };
  }
}

/** Calls one of wx's functions, and returns a promise. */
function promise(api, options) {
  return new Promise((success, fail) => api({ ...options, success, fail }));
}

/** A random text that proves to Hongyan that a repeated request comes from this phone. */
async function randomKey() {
  const { randomValues } = await promise(wx.getRandomValues, { length: 16 });
  const bytes = Array.from(new Uint8Array(randomValues));
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Sends a request with JSON, and parses a JSON response. */
function send(options) {
  return promise(wx.request, { timeout: 10000, ...options });
}

function post(url, data) {
  return send({ url, method: 'POST', header: { 'content-type': 'application/json' }, data });
}

/** Retries once if the network fails. */
async function retryOnce(attempt) {
  try {
    return await attempt();
  } catch (error) {
    return attempt();
  }
}

function failure(what, { statusCode, data }) {
  const error = new Error(`${what}（${statusCode}）${(data && data.error) || ''}`);
  error.statusCode = statusCode;
  return error;
}

module.exports = { connect };

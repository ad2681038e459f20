// Answers WeChat's deliveries with co-wechat's middleware.
//
// Reads one request per line, in JSON, and answers each with one line. The
// deliveries come from a file; neither Koa nor HTTP is involved: the middleware
// is given what it asks of them, the body already read.
'use strict';

const fs = require('fs');
const readline = require('readline');
const wechat = require('co-wechat');

const cases = new Map();

function prepare({ name, method, token, app_id, aes_key, deliveries }) {
  const config = { token, appid: app_id, encodingAESKey: aes_key };
  const middleware = wechat(config).middleware(async (message) => `收到：${message.Content}`);
  const answer = async ({ query, body }) => {
    const context = { method, query, request: { body }, status: 200 };
    await middleware(context);
    if (context.status !== 200) throw new Error(`${context.status} ${context.body}`);
    return context.body;
  };
  cases.set(name, { answer, deliveries });
}

const work = {
  identify: () => ({
    peer: `co-wechat ${require('co-wechat/package.json').version}`,
    runtime: `Node.js ${process.versions.node}`,
  }),

  // Makes ready for the cases in a file.
  read({ corpus }) {
    JSON.parse(fs.readFileSync(corpus, 'utf8')).forEach(prepare);
    return {};
  },

  // What every delivery of a case is answered.
  async answers(request) {
    const { answer, deliveries } = cases.get(request.case);
    const answers = [];
    for (const delivery of deliveries) answers.push(await answer(delivery));
    return { answers };
  },

  // Deliveries per second, over this many seconds of processor time.
  async rate(request) {
    const { answer, deliveries } = cases.get(request.case);
    const begin = process.cpuUsage();
    let count = 0;
    let spent = 0;
    while (spent < request.seconds) {
      for (const delivery of deliveries) await answer(delivery);
      count += deliveries.length;
      const { user, system } = process.cpuUsage(begin);
      spent = (user + system) / 1e6;
    }
    return { rate: count / spent };
  },
};

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let result;
    try {
      result = await work[request.do](request);
    } catch (error) {
      result = { error: String(error) };
    }
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
})();

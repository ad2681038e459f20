// Answers each line of standard input, a request as JSON, with a line of JSON.

'use strict';

const readline = require('readline');

/** Does what each request names with its `do`; what goes wrong is answered as `error`. */
module.exports = async (work) => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      answer = await work[request.do](request);
    } catch (error) {
      answer = { error: String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
};

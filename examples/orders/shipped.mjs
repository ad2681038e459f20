import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";

const hongyan = new LambdaClient();

// Tells a customer that their order has shipped: what became of it, and why.
async function tell(order, customer, product, shippedAt) {
  const answer = await hongyan.send(new InvokeCommand({
    FunctionName: "hongyan-local-send",
    Payload: JSON.stringify({
      id: `order-${order}-shipped`, to: { account: customer }, template: "order_shipped",
      data: { product, time: shippedAt },
    }),
  }));
  const said = JSON.parse(answer.Payload.transformToString());
  // Call again later, the id makes it harmless.
  if (answer.FunctionError) throw new Error(`${said.errorType}: ${said.errorMessage}`);
  const { outcome, reason = "" } = said.notifications[0];
  return { outcome, reason };
}

console.log(await tell("17", "ann", "Blue kettle", "2026-11-20 15:04"));

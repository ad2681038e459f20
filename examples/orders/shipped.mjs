import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";

const lambda = new LambdaClient();

// Notifies a customer that their order has shipped. Returns outcome and reason.
async function notify(order, customer, product, shippedAt) {
  const response = await lambda.send(new InvokeCommand({
    FunctionName: "hongyan-local-send",
    Payload: JSON.stringify({
      id: `order-${order}-shipped`, to: { account: customer }, template: "order_shipped",
      data: { product, time: shippedAt },
    }),
  }));
  const payload = JSON.parse(response.Payload.transformToString());
  // Retry later; the id prevents a duplicate.
  if (response.FunctionError) throw new Error(`${payload.errorType}: ${payload.errorMessage}`);
  const { outcome, reason = "" } = payload.notifications[0];
  return { outcome, reason };
}

console.log(await notify("17", "ann", "Blue kettle", "2026-11-20 15:04"));

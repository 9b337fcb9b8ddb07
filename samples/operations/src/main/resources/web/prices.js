/** Prices over server-sent events, without a library. The browser reconnects with the id of the last event. */
const FINAL_CODES = [1000, 4400, 4403];

const rows = new Map();
const state = document.getElementById("state");

function show({ symbol, cents }) {
  let row = rows.get(symbol);
  if (!row) {
    row = document.createElement("li");
    rows.set(symbol, row);
    document.getElementById("prices").append(row);
  }
  row.textContent = `${symbol} ${(cents / 100).toFixed(2)}`;
}

function connect() {
  const stream = new EventSource(`live/sse?name=page&topic=${encodeURIComponent("prices/all")}`);
  stream.onopen = () => (state.textContent = "connected");
  stream.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "message") show(message.data);
  };
  stream.addEventListener("close", (event) => {
    const { code, reason } = JSON.parse(event.data);
    state.textContent = `closed: ${reason} (${code})`;
    if (FINAL_CODES.includes(code)) stream.close();
  });
  // the browser does not reconnect after a response that is not an event stream, so the page does
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 5000 + Math.random() * 5000);
  };
}

connect();

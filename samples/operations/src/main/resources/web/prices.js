/** Prices as server-sent events: no library, and the browser comes back by itself with the id of the last event. */
const FOR_GOOD = [1000, 4400, 4403];

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
    state.textContent = `ended: ${reason} (${code})`;
    if (FOR_GOOD.includes(code)) stream.close();
  });
  // the browser gives up by itself where the answer was no stream: then it is the page that tries again
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 5000 + Math.random() * 5000);
  };
}

connect();

using System;
using System.Net.WebSockets;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;

static class Live {
    static void Main() { Run().GetAwaiter().GetResult(); }

    static async Task Run() {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("live.v1.json");
        await socket.ConnectAsync(new Uri(Environment.GetEnvironmentVariable("LIVE_URL")), CancellationToken.None);
        Func<string, Task> send = json => socket.SendAsync(
            new ArraySegment<byte>(Encoding.UTF8.GetBytes(json)), WebSocketMessageType.Text, true, CancellationToken.None);
        await send("{\"type\":\"subscribe\",\"topic\":\"room/lobby\",\"ref\":\"1\"}");
        var buffer = new ArraySegment<byte>(new byte[90000]); // continue until EndOfMessage if messages can be larger
        while (true) {
            var frame = await socket.ReceiveAsync(buffer, CancellationToken.None);
            if (frame.MessageType == WebSocketMessageType.Close) throw new Exception("closed with " + (int) frame.CloseStatus);
            var message = Encoding.UTF8.GetString(buffer.Array, 0, frame.Count); // parse it with System.Text.Json
            if (message.Contains("\"type\":\"ack\"") && message.Contains("\"ref\":\"1\""))
                await send("{\"type\":\"publish\",\"topic\":\"room/lobby\",\"ref\":\"2\",\"data\":{\"text\":\"hello from C#\"}}");
            else if (message.Contains("\"type\":\"error\"")) throw new Exception("refused: " + message);
            else if (message.Contains("\"type\":\"message\"")) {
                Console.WriteLine(Regex.Match(message, "\"text\":\"([^\"]*)").Groups[1].Value);
                return; // remove this to stay connected
            }
        }
    }
}

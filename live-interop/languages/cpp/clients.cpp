// The C++ WebSocket clients in Debian. ClientMatrix.kt describes their sessions.
#include <QCoreApplication>
#include <QNetworkRequest>
#include <QWebSocket>
#include <QWebSocketHandshakeOptions>
#include <fstream>
#include <iostream>
#include <sstream>
#include <websocketpp/client.hpp>
#include <websocketpp/config/asio_no_tls_client.hpp>

using Frames = std::vector<std::pair<char, std::string>>;
using Client = websocketpp::client<websocketpp::config::asio_client>;

static Frames read(const std::string& path) {
    std::ifstream file(path);
    Frames frames;
    for (std::string line; std::getline(file, line);) frames.emplace_back(line[0], line.substr(2));
    return frames;
}

static std::string unhex(const std::string& hex) { return QByteArray::fromHex(QByteArray::fromStdString(hex)).toStdString(); }

static void received(char kind, const std::string& bytes) {
    std::cout << kind << ' ' << QByteArray::fromStdString(bytes).toHex().toStdString() << std::endl;
}

static std::string withWebsocketpp(const std::string& url, const std::string& subprotocol, Frames frames) {
    Client client;
    client.clear_access_channels(websocketpp::log::alevel::all);
    client.clear_error_channels(websocketpp::log::elevel::all);
    client.init_asio();
    std::string ended;
    size_t at = 0;
    auto next = [&](websocketpp::connection_hdl connection) {
        if (at == frames.size()) return;
        auto [kind, value] = frames[at++];
        if (kind == 'c') client.close(connection, std::stoi(value), "");
        else client.send(connection, unhex(value), kind == 'b' ? websocketpp::frame::opcode::binary : websocketpp::frame::opcode::text);
    };
    client.set_open_handler([&](auto connection) {
        std::cout << "open " << client.get_con_from_hdl(connection)->get_response_header("Sec-WebSocket-Protocol") << std::endl;
        next(connection);
    });
    client.set_message_handler([&](auto connection, Client::message_ptr frame) {
        received(frame->get_opcode() == websocketpp::frame::opcode::binary ? 'b' : 't', frame->get_payload());
        next(connection);
    });
    client.set_close_handler([&](auto connection) { ended = "closed " + std::to_string(client.get_con_from_hdl(connection)->get_remote_close_code()); });
    client.set_fail_handler([&](auto connection) { ended = "refused " + std::to_string(int(client.get_con_from_hdl(connection)->get_response_code())); });
    websocketpp::lib::error_code problem;
    auto connection = client.get_connection(url, problem);
    connection->add_subprotocol(subprotocol);
    client.connect(connection);
    client.run();
    return ended;
}

static std::string withQt(const std::string& url, const std::string& subprotocol, Frames frames) {
    QWebSocket socket;
    std::string ended;
    size_t at = 0;
    QEventLoop loop;
    auto next = [&] {
        if (at == frames.size()) return;
        auto [kind, value] = frames[at++];
        if (kind == 'c') socket.close(QWebSocketProtocol::CloseCode(std::stoi(value)));
        else if (kind == 'b') socket.sendBinaryMessage(QByteArray::fromStdString(unhex(value)));
        else socket.sendTextMessage(QString::fromStdString(unhex(value)));
    };
    bool open = false;
    QObject::connect(&socket, &QWebSocket::connected, [&] {
        open = true;
        std::cout << "open " << socket.subprotocol().toStdString() << std::endl;
        next();
    });
    QObject::connect(&socket, &QWebSocket::textMessageReceived, [&](const QString& text) {
        received('t', text.toStdString());
        next();
    });
    QObject::connect(&socket, &QWebSocket::binaryMessageReceived, [&](const QByteArray& bytes) {
        received('b', bytes.toStdString());
        next();
    });
    QObject::connect(&socket, &QWebSocket::disconnected, [&] {
        if (ended.empty()) ended = "closed " + std::to_string(int(socket.closeCode()));
        loop.quit();
    });
    QObject::connect(&socket, qOverload<QAbstractSocket::SocketError>(&QWebSocket::error), [&](auto) {
        if (open) return;
        ended = "failed " + socket.errorString().toStdString();
        loop.quit();
    });
    QWebSocketHandshakeOptions options;
    options.setSubprotocols({QString::fromStdString(subprotocol)});
    socket.open(QUrl(QString::fromStdString(url)), options);
    loop.exec();
    return ended;
}

int main(int count, char** arguments) {
    QCoreApplication application(count, arguments);
    if (std::string(arguments[1]) == "list") {
        std::cout << "websocketpp|" << websocketpp::major_version << '.' << websocketpp::minor_version << '.' << websocketpp::patch_version << "|\n";
        std::cout << "Qt `QWebSocket`|" << qVersion() << "|\n";
        return 0;
    }
    auto run = std::string(arguments[2]) == "0" ? withWebsocketpp : withQt;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string url, subprotocol, file;
        words >> url >> subprotocol >> file;
        std::cout << run(url, subprotocol, read(file)) << std::endl << "done" << std::endl;
    }
}

#include <iostream>
#include <nlohmann/json.hpp>
#include <websocketpp/client.hpp>
#include <websocketpp/config/asio_no_tls_client.hpp>

using Client = websocketpp::client<websocketpp::config::asio_client>;
using nlohmann::json;

int main() {
    Client client;
    client.clear_access_channels(websocketpp::log::alevel::all);
    client.init_asio();
    auto send = [&](auto connection, const json& message) {
        client.send(connection, message.dump(), websocketpp::frame::opcode::text);
    };
    client.set_open_handler([&](auto connection) {
        send(connection, {{"type", "subscribe"}, {"topic", "room/lobby"}, {"ref", "1"}});
    });
    client.set_message_handler([&](auto connection, Client::message_ptr frame) {
        auto message = json::parse(frame->get_payload());
        if (message["type"] == "ack" && message["ref"] == "1") {
            send(connection, {{"type", "publish"}, {"topic", "room/lobby"}, {"ref", "2"}, {"data", {{"text", "hello from C++"}}}});
        } else if (message["type"] == "error") {
            std::cerr << "refused: " << message["data"]["reason"] << std::endl;
        } else if (message["type"] == "message") {
            std::cout << message["data"]["text"].get<std::string>() << std::endl;
            client.close(connection, websocketpp::close::status::normal, ""); // remove this to stay connected
        }
    });
    websocketpp::lib::error_code problem;
    auto connection = client.get_connection(std::getenv("LIVE_URL"), problem);
    connection->add_subprotocol("live.v1.json");
    client.connect(connection);
    client.run();
}

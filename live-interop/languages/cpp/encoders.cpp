// The C++ encoders in Debian. Encoder.kt describes the commands.
#include <QByteArray>
#include <QCborMap>
#include <QCborValue>
#include <functional>
#include <iostream>
#include <msgpack.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

using nlohmann::json;
using Bytes = std::string;
using Field = std::optional<Bytes>;

struct Message {
    Bytes type, topic, ref;
    Field body, data;
    std::optional<int64_t> offset;
    bool nulls = false;
};

struct Entry {
    Bytes library, version, codec, setting, expected;
    std::function<Bytes(const Message&)> encode;
    std::function<Message(const Bytes&)> decode;
};

static Bytes base64(const Bytes& bytes) { return QByteArray::fromStdString(bytes).toBase64().toStdString(); }

static Bytes unbase64(const Bytes& text) { return QByteArray::fromBase64(QByteArray::fromStdString(text)).toStdString(); }

static json binary(const Bytes& bytes) { return json::binary(std::vector<uint8_t>(bytes.begin(), bytes.end())); }

// nlohmann::json encodes every codec from one value; only body and data differ.
static json toJson(const Message& message, bool inlineData) {
    json out = {{"type", message.type}, {"topic", message.topic}, {"ref", message.ref}};
    if (message.nulls) out["body"] = out["data"] = out["offset"] = nullptr;
    if (message.body) out["body"] = inlineData ? json(base64(*message.body)) : binary(*message.body);
    if (message.data) out["data"] = inlineData ? json::parse(*message.data) : json(*message.data);
    return out;
}

static Message fromJson(const json& in, bool inlineData) {
    Message out;
    out.type = in.at("type");
    out.topic = in.value("topic", "");
    out.ref = in.value("ref", "");
    if (in.contains("body")) {
        if (inlineData) out.body = unbase64(in["body"]);
        else out.body = Bytes(in["body"].get_binary().begin(), in["body"].get_binary().end());
    }
    if (in.contains("data")) out.data = inlineData ? in["data"].dump() : in["data"].get<Bytes>();
    if (in.contains("offset")) out.offset = in["offset"].get<int64_t>();
    return out;
}

static Bytes bytes(const std::vector<uint8_t>& from) { return Bytes(from.begin(), from.end()); }

// A class with all fields, as encoded by MSGPACK_DEFINE_MAP.
struct Packed {
    Bytes type, topic, ref;
    std::optional<std::vector<char>> body;
    Field data;
    std::optional<int64_t> offset;
    MSGPACK_DEFINE_MAP(type, topic, ref, body, data, offset);
};

static Bytes pack(const Message& message) {
    Packed packed{message.type, message.topic, message.ref, {}, message.data, {}};
    if (message.body) packed.body = std::vector<char>(message.body->begin(), message.body->end());
    std::stringstream out;
    msgpack::pack(out, packed);
    return out.str();
}

static Message unpack(const Bytes& frame) {
    auto handle = msgpack::unpack(frame.data(), frame.size());
    Packed packed;
    handle.get().convert(packed);
    Message out{packed.type, packed.topic, packed.ref, {}, packed.data, packed.offset};
    if (packed.body) out.body = Bytes(packed.body->begin(), packed.body->end());
    return out;
}

static Bytes toQt(const Message& message) {
    QCborMap out;
    auto text = [](const Bytes& from) { return QString::fromStdString(from); };
    out[QStringLiteral("type")] = text(message.type);
    out[QStringLiteral("topic")] = text(message.topic);
    out[QStringLiteral("ref")] = text(message.ref);
    if (message.nulls) for (auto name : {"body", "data", "offset"}) out[QLatin1String(name)] = nullptr;
    if (message.body) out[QStringLiteral("body")] = QByteArray::fromStdString(*message.body);
    if (message.data) out[QStringLiteral("data")] = text(*message.data);
    return out.toCborValue().toCbor().toStdString();
}

static Message fromQt(const Bytes& frame) {
    auto in = QCborValue::fromCbor(QByteArray::fromStdString(frame)).toMap();
    auto text = [&](const char* name) { return in.value(QLatin1String(name)).toString().toStdString(); };
    Message out{text("type"), text("topic"), text("ref"), {}, {}, {}};
    if (in.contains(QLatin1String("body"))) out.body = in.value(QLatin1String("body")).toByteArray().toStdString();
    if (in.contains(QLatin1String("data"))) out.data = text("data");
    if (in.contains(QLatin1String("offset"))) out.offset = in.value(QLatin1String("offset")).toInteger();
    return out;
}

static std::vector<Entry> entries() {
    std::ostringstream version;
    version << NLOHMANN_JSON_VERSION_MAJOR << '.' << NLOHMANN_JSON_VERSION_MINOR << '.' << NLOHMANN_JSON_VERSION_PATCH;
    auto cborOf = [](const Message& message) { return bytes(json::to_cbor(toJson(message, false))); };
    auto msgpackOf = [](const Message& message) { return bytes(json::to_msgpack(toJson(message, false))); };
    return {
        {"nlohmann::json", version.str(), "json", "", "", [](auto& m) { return toJson(m, true).dump(); }, [](auto& f) { return fromJson(json::parse(f), true); }},
        {"nlohmann::json `to_cbor`, body as `json::binary`", version.str(), "cbor", "", "", cborOf, [](auto& f) { return fromJson(json::from_cbor(f), false); }},
        {"Qt `QCborMap`", qVersion(), "cbor", "", "", toQt, fromQt},
        {"nlohmann::json `to_msgpack`, body as `json::binary`", version.str(), "msgpack", "", "", msgpackOf, [](auto& f) { return fromJson(json::from_msgpack(f), false); }},
        {"msgpack-cxx, `MSGPACK_DEFINE_MAP`, body as `vector<char>`", msgpack_version(), "msgpack", "", "", pack, unpack},
    };
}

static Field unhex(const Bytes& field) {
    if (field == "-") return {};
    return QByteArray::fromHex(QByteArray::fromStdString(field == "." ? "" : field)).toStdString();
}

static Bytes enhex(const Field& value) {
    if (!value) return "-";
    return value->empty() ? "." : QByteArray::fromStdString(*value).toHex().toStdString();
}

static Bytes answer(const Entry& entry, const std::vector<Bytes>& fields) {
    if (fields[0] == "write") {
        return enhex(entry.encode({*unhex(fields[1]), *unhex(fields[2]), *unhex(fields[3]), unhex(fields[4]), unhex(fields[5]), {}, fields[6] != "0"}));
    }
    if (fields[0] == "since") {
        auto data = json::parse(*entry.decode(*unhex(fields[3])).data);
        json since = {{"since", {{"epoch", data["epoch"]}, {"offset", data["offset"]}}}};
        return enhex(entry.encode({"subscribe", *unhex(fields[1]), *unhex(fields[2]), {}, since.dump(), {}}));
    }
    auto message = entry.decode(*unhex(fields[1]));
    Bytes offset = message.offset ? std::to_string(*message.offset) : "-";
    return enhex(message.type) + " " + enhex(message.topic) + " " + enhex(message.ref) + " " + enhex(message.body) + " " + enhex(message.data) + " " + offset;
}

int main(int, char** arguments) {
    auto all = entries();
    if (Bytes(arguments[1]) == "list") {
        for (auto& e : all) std::cout << e.library << '|' << e.version << '|' << e.codec << '|' << e.setting << '|' << e.expected << '\n';
        return 0;
    }
    for (Bytes line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::vector<Bytes> fields{std::istream_iterator<Bytes>(words), {}};
        try {
            std::cout << answer(all[std::stoi(arguments[2])], fields) << std::endl;
        } catch (const std::exception& e) {
            std::cout << "! " << e.what() << std::endl;
        }
    }
}

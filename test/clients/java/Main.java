import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.okhttp.OkHttpChannelBuilder;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32;

/**
 * A client of the Echo service (test/e2e/support/echo.ts) on grpc-java's okhttp transport, the one of Android apps. It makes the
 * calls that it reads from its input as JSON, and prints what it saw of each: test/e2e/support/call.ts. `version` prints versions.
 */
public final class Main {
  private static final String SERVICE = "fairlead.test.v1.Echo";

  static final class Call {
    String kind;
    int[] sends;
    String[][] metadata = {};
    boolean pingPong;
    int deadline;
    int cancelAfter;
    boolean compress;
  }

  static final class Observation {
    int code;
    String message;
    List<String[]> headers = new ArrayList<>();
    List<String[]> trailers = new ArrayList<>();
    List<String> answers = new ArrayList<>();
  }

  /** Messages stay bytes. */
  private static final MethodDescriptor.Marshaller<byte[]> BYTES =
      new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(byte[] value) {
          return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
          try {
            return stream.readAllBytes();
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        }
      };

  public static void main(String[] args) throws Exception {
    if (args[0].equals("version")) {
      String library = ManagedChannel.class.getProtectionDomain().getCodeSource().getLocation().getPath();
      Map<String, String> versions = Map.of("java", System.getProperty("java.version"), "library", library);
      System.out.println(new Gson().toJson(versions));
      return;
    }
    String[] address = args[0].split(":");
    ManagedChannel channel =
        OkHttpChannelBuilder.forAddress(address[0], Integer.parseInt(address[1]))
            .usePlaintext()
            .maxInboundMessageSize(Integer.MAX_VALUE)
            .build();
    InputStreamReader input = new InputStreamReader(System.in, StandardCharsets.UTF_8);
    List<Call> calls = new Gson().fromJson(input, new TypeToken<List<Call>>() {}.getType());
    List<Observation> seen = new ArrayList<>();
    for (Call call : calls) seen.add(observe(channel, call));
    channel.shutdownNow();
    System.out.write(new Gson().toJson(seen).getBytes(StandardCharsets.UTF_8));
    System.out.flush();
    System.exit(0);
  }

  private static MethodType typeOf(String kind) {
    return switch (kind) {
      case "ServerStream" -> MethodType.SERVER_STREAMING;
      case "ClientStream" -> MethodType.CLIENT_STREAMING;
      case "Bidi" -> MethodType.BIDI_STREAMING;
      default -> MethodType.UNARY;
    };
  }

  private static Observation observe(ManagedChannel channel, Call call) throws InterruptedException {
    MethodType type = typeOf(call.kind);
    MethodDescriptor<byte[], byte[]> method =
        MethodDescriptor.newBuilder(BYTES, BYTES)
            .setType(type)
            .setFullMethodName(MethodDescriptor.generateFullMethodName(SERVICE, call.kind))
            .build();
    CallOptions options = CallOptions.DEFAULT;
    if (call.deadline > 0) options = options.withDeadlineAfter(call.deadline, TimeUnit.MILLISECONDS);
    if (call.compress) options = options.withCompression("gzip");

    ArrayDeque<byte[]> waiting = new ArrayDeque<>();
    for (int size : call.sends) waiting.add(message(size));
    if (type == MethodType.UNARY && waiting.isEmpty()) waiting.add(new byte[0]);

    Observation seen = new Observation();
    CountDownLatch over = new CountDownLatch(1);
    ClientCall<byte[], byte[]> made = channel.newCall(method, options);
    Runnable sendNext =
        () -> {
          byte[] next = waiting.poll();
          if (next == null) made.halfClose();
          else made.sendMessage(next);
        };
    made.start(
        new ClientCall.Listener<>() {
          @Override
          public void onHeaders(Metadata headers) {
            seen.headers = write(headers);
          }

          @Override
          public void onMessage(byte[] answer) {
            seen.answers.add(summary(answer));
            if (seen.answers.size() == call.cancelAfter) made.cancel("enough", null);
            else if (call.pingPong) sendNext.run();
            made.request(1);
          }

          @Override
          public void onClose(Status status, Metadata trailers) {
            seen.code = status.getCode().value();
            seen.message = status.getDescription() == null ? "" : status.getDescription();
            seen.trailers = write(trailers);
            over.countDown();
          }
        },
        metadataOf(call));
    made.setMessageCompression(call.compress);
    made.request(1);
    if (call.pingPong) {
      sendNext.run();
    } else {
      while (!waiting.isEmpty()) sendNext.run();
      sendNext.run();
    }
    over.await();
    return seen;
  }

  private static Metadata metadataOf(Call call) {
    Metadata metadata = new Metadata();
    for (String[] entry : call.metadata) {
      if (entry[0].endsWith(Metadata.BINARY_HEADER_SUFFIX)) {
        byte[] value = Base64.getDecoder().decode(entry[1]);
        metadata.put(Metadata.Key.of(entry[0], Metadata.BINARY_BYTE_MARSHALLER), value);
      } else {
        metadata.put(Metadata.Key.of(entry[0], Metadata.ASCII_STRING_MARSHALLER), entry[1]);
      }
    }
    return metadata;
  }

  private static List<String[]> write(Metadata metadata) {
    TreeMap<String, List<String>> sorted = new TreeMap<>();
    for (String name : metadata.keys()) {
      List<String> values = new ArrayList<>();
      if (name.endsWith(Metadata.BINARY_HEADER_SUFFIX)) {
        for (byte[] value : metadata.getAll(Metadata.Key.of(name, Metadata.BINARY_BYTE_MARSHALLER))) {
          values.add(Base64.getEncoder().encodeToString(value));
        }
      } else {
        for (String value : metadata.getAll(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER))) values.add(value);
      }
      sorted.put(name, values);
    }
    List<String[]> entries = new ArrayList<>();
    sorted.forEach((name, values) -> values.forEach(value -> entries.add(new String[] {name, value})));
    return entries;
  }

  /** A google.protobuf.BytesValue of so many patterned bytes: field 1, length-delimited. */
  private static byte[] message(int size) {
    if (size == 0) return new byte[0];
    byte[] prefix = new byte[6];
    int start = 0;
    prefix[start++] = 0x0a;
    for (int rest = size; rest > 0; rest >>>= 7) prefix[start++] = (byte) (rest > 0x7f ? rest & 0x7f | 0x80 : rest);
    byte[] bytes = new byte[start + size];
    System.arraycopy(prefix, 0, bytes, 0, start);
    for (int i = 0; i < size; i++) bytes[start + i] = (byte) (i * 31 + (i >> 8) * 17);
    return bytes;
  }

  private static String summary(byte[] answer) {
    CRC32 sum = new CRC32();
    sum.update(answer);
    return answer.length + ":" + Long.toHexString(sum.getValue());
  }
}

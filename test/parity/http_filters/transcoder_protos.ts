/** A service whose methods use every form of google.api.http that there is. */
export const libraryProto = `
syntax = "proto3";
package library;

message Book {
  int64 id = 1;
  string title = 2;
  repeated string authors = 3;
  Genre genre = 4;
  Author writer = 5;
  bool in_print = 6;
  double price = 7;
  bytes cover = 8;
  map<string, int32> copies = 9;
  google.protobuf.Timestamp published = 10;
  google.protobuf.Duration lending_time = 11;
  google.protobuf.Int32Value pages = 12;
  google.protobuf.StringValue subtitle = 13;
  google.protobuf.Struct extra = 14;
  google.protobuf.Value note = 15;
  google.protobuf.FieldMask mask = 16;
  google.protobuf.Any attachment = 17;
  oneof place {
    string shelf = 18;
    int32 box = 19;
  }
  optional int32 edition = 20;
  float weight = 21;
  uint64 big = 22;
  sint32 offset = 23;
  fixed32 code = 24;
  repeated int32 ratings = 25;
  repeated Author helpers = 26;
  string custom_name = 27 [json_name = "aliasName"];
  google.protobuf.ListValue list = 28;
  map<int32, Author> by_number = 29;
  google.protobuf.BoolValue flag = 30;
  repeated Genre genres = 31;
  map<bool, string> by_flag = 32;
  uint32 count = 33;
  sint64 far = 34;
  fixed64 serial = 35;
  sfixed32 low = 36;
  sfixed64 deep = 37;
  repeated google.protobuf.Value values = 38;
  google.protobuf.BytesValue raw = 39;
  google.protobuf.Empty nothing = 40;
}
message Author {
  string name = 1;
  Address home = 2;
  int32 age = 3;
}
message Address { string city = 1; repeated string lines = 2; }
enum Genre { UNKNOWN = 0; FICTION = 1; SCIENCE_AND_ART = 2; }

message GetBookRequest { string name = 1; int64 id = 2; Book filter = 3; repeated int32 tags = 4; Genre genre = 5; bool deep = 6; google.protobuf.FieldMask mask = 7; }
message CreateBookRequest { string shelf = 1; Book book = 2; string theme = 3; int32 number = 4; }
message Page { string text = 1; int32 number = 2; }

service Library {
  rpc GetBook(GetBookRequest) returns (Book) {
    option (google.api.http) = {
      get: "/v1/books/{id}"
      additional_bindings { get: "/v1/{name=shelves/*/books/*}" }
      additional_bindings { get: "/v1/rest/{name=**}" }
      additional_bindings { get: "/v1/part/{name=a/**}/end" }
      additional_bindings { post: "/v1/books/{id}:search" body: "filter" }
    };
  }
  rpc EchoBook(Book) returns (Book) { option (google.api.http) = { post: "/v1/echo" body: "*" additional_bindings { put: "/v1/echo/{id}" body: "*" } additional_bindings { get: "/v1/echo" } }; }
  rpc CreateBook(CreateBookRequest) returns (Book) { option (google.api.http) = { post: "/v1/shelves/{shelf}/books" body: "book" }; }
  rpc ThemeBook(CreateBookRequest) returns (Book) { option (google.api.http) = { patch: "/v1/theme" body: "theme" }; }
  rpc DeleteBook(GetBookRequest) returns (google.protobuf.Empty) { option (google.api.http) = { delete: "/v1/books/{id}" }; }
  rpc CheckBook(GetBookRequest) returns (Book) { option (google.api.http) = { custom { kind: "HEAD" path: "/v1/check/{id}" } }; }
  rpc LockBook(GetBookRequest) returns (Book) { option (google.api.http) = { post: "/v1/books/{id}:lock" }; }
  rpc AnyMethod(GetBookRequest) returns (Book) { option (google.api.http) = { custom { kind: "*" path: "/v1/any" } }; }
  rpc ReadPages(GetBookRequest) returns (stream Page) { option (google.api.http) = { get: "/v1/books/{id}/pages" }; }
  rpc WritePages(stream Page) returns (Book) { option (google.api.http) = { post: "/v1/pages" body: "*" additional_bindings { post: "/v1/pages/{number}" body: "*" } }; }
  rpc TurnPages(stream Page) returns (stream Page) { option (google.api.http) = { post: "/v1/turn" body: "*" }; }
  rpc Unmapped(GetBookRequest) returns (Book) {}
}
`

export const httpBodyProto = `
syntax = "proto3";
package google.api;
message HttpBody {
  string content_type = 1;
  bytes data = 2;
  repeated google.protobuf.Any extensions = 3;
}
`

export const filesProto = `
syntax = "proto3";
package files;
message UploadRequest { string name = 1; google.api.HttpBody file = 2; int32 mode = 3; }
message Download { google.api.HttpBody file = 1; string note = 2; }
message GetRequest { string name = 1; }
service Files {
  rpc Put(google.api.HttpBody) returns (google.api.HttpBody) { option (google.api.http) = { post: "/files/raw" body: "*" }; }
  rpc Upload(UploadRequest) returns (GetRequest) { option (google.api.http) = { post: "/files/{name}" body: "file" }; }
  rpc UploadStream(stream UploadRequest) returns (GetRequest) { option (google.api.http) = { post: "/stream/{name}" body: "file" }; }
  rpc Get(GetRequest) returns (google.api.HttpBody) { option (google.api.http) = { get: "/files/{name}" }; }
  rpc Part(GetRequest) returns (Download) { option (google.api.http) = { get: "/part/{name}" response_body: "file" }; }
  rpc Watch(GetRequest) returns (stream google.api.HttpBody) { option (google.api.http) = { get: "/watch/{name}" }; }
}
`

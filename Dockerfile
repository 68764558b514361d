# The management server alone: Envoy comes in its own, unmodified image.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=container
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /out/backworks ./cmd/backworks
# The final image has no shell to make folders with. A builder without certificates
# makes an image without: nothing in it needs them until it calls something over TLS.
RUN mkdir -p /state/backworks /config /certificates && \
    if [ -f /etc/ssl/certs/ca-certificates.crt ]; then cp /etc/ssl/certs/ca-certificates.crt /certificates/; fi

FROM scratch
COPY --from=build /certificates /etc/ssl/certs
COPY --from=build /config /etc/backworks
COPY --from=build --chown=65532:65532 /state /var/lib
COPY --from=build /out/backworks /backworks
# Where blueprints are mounted, and where the last good ones are kept.
WORKDIR /etc/backworks
ENV XDG_STATE_HOME=/var/lib
USER 65532:65532
# xDS, and the admin listener.
EXPOSE 18000 8081
ENTRYPOINT ["/backworks"]
# In plaintext and without a token, for the network of containers; beyond that give
# --xds-cert and --xds-key, and --admin-token-file.
CMD ["start", "-c", "/etc/backworks", "--watch", "--envoy", "none", "--xds-listen", "0.0.0.0:18000", "--xds-insecure", "--admin-listen", "0.0.0.0:8081", "--admin-insecure"]

/* SPDX-License-Identifier: Apache-2.0 */
/* wsman_int: what the wsman sources share: URIs and the table of operations. Not for other rooms.
 * Source: reference protocol-cira-wsman 3.1, 3.2. */
#pragma once

#include "proto/wsman.h"

#define URI_SOAP        "http://www.w3.org/2003/05/soap-envelope"
#define URI_ADDRESSING  "http://schemas.xmlsoap.org/ws/2004/08/addressing"
#define URI_WSMAN       "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
#define URI_WSMAN_FAULT "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
#define URI_ENUMERATION "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
#define URI_TRANSFER    "http://schemas.xmlsoap.org/ws/2004/09/transfer"
#define URI_EVENTING    "http://schemas.xmlsoap.org/ws/2004/08/eventing"
#define URI_CIMBINDING  "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd"
#define URI_COMMON      "http://schemas.dmtf.org/wbem/wscim/1/common"
#define URI_XSI         "http://www.w3.org/2001/XMLSchema-instance"
#define URI_TRUST       "http://schemas.xmlsoap.org/ws/2005/02/trust"
#define URI_WSSE        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
#define URI_ANONYMOUS   URI_ADDRESSING "/role/anonymous"

#define URI_BASE_CIM "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
#define URI_BASE_AMT "http://intel.com/wbem/wscim/1/amt-schema/1/"
#define URI_BASE_IPS "http://intel.com/wbem/wscim/1/ips-schema/1/"

/* O(operation, namespace, its URI, verb): the action is URI "/" verb */
#define WSMAN_OP_TABLE(O)                                                                                    \
    O(GET, TRANSFER, URI_TRANSFER, "Get")                                                                    \
    O(PUT, TRANSFER, URI_TRANSFER, "Put")                                                                    \
    O(CREATE, TRANSFER, URI_TRANSFER, "Create")                                                              \
    O(DELETE, TRANSFER, URI_TRANSFER, "Delete")                                                              \
    O(ENUMERATE, ENUMERATION, URI_ENUMERATION, "Enumerate")                                                  \
    O(PULL, ENUMERATION, URI_ENUMERATION, "Pull")                                                            \
    O(RELEASE, ENUMERATION, URI_ENUMERATION, "Release")

/* Fill the header and fault members of a message whose tree is complete. */
void wsman_read_header(struct wsman_msg *m);
